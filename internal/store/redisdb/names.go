package redisdb

// names are the browsers and systems that records name by a number, because
// nearly every session has two of them. A name that is missing costs its length.
// Numbers are in records: new names go to the end, and none ever leaves.
var names = []string{
	"Chrome", "Safari", "Firefox", "Edge", "Whale", "Samsung Internet", "Opera", "Vivaldi",
	"KakaoTalk", "NAVER", "Daum", "LINE", "Mobile Safari", "Headless Chrome", "Android browser", "Huawei Browser",
	"Miui Browser", "Opera Mini", "Opera Touch", "Internet Explorer", "Facebook App", "Instagram App", "TikTok App",
	"Windows", "macOS", "iOS", "iPadOS", "Android", "Linux", "ChromeOS", "Windows Phone", "FreeBSD", "Harmony",
}

// firstName is the number of the first; a smaller byte is the length of a text.
const firstName = 0x80

var nameNumber = func() map[string]byte {
	m := make(map[string]byte, len(names))
	for i, name := range names {
		m[name] = byte(firstName + i)
	}
	return m
}()

// appendName appends the number of s, or s behind its length.
func appendName(b []byte, s string) []byte {
	if n, ok := nameNumber[s]; ok {
		return append(b, n)
	}
	return appendShort(b, s[:min(len(s), firstName-1)])
}

// name takes one off the front.
func (f *fields) name() string {
	if !f.bad && len(f.b) > 0 && f.b[0] >= firstName {
		n := int(f.take(1)[0]) - firstName
		if n < len(names) {
			return names[n]
		}
		f.bad = true
		return ""
	}
	return f.short()
}
