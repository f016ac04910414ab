package server

import (
	"strings"

	"github.com/mileusna/useragent"

	"gatehouse/internal/session"
)

// maxUserAgent bounds what of a User-Agent header is looked at.
const maxUserAgent = 512

// deviceOf names browser and system by the User-Agent, without versions: those
// of systems are frozen by browsers and untrue.
func deviceOf(header string) session.Device {
	header = strings.ToValidUTF8(header[:min(len(header), maxUserAgent)], "")
	ua := useragent.Parse(header)
	d := session.Device{Browser: ua.Name, OS: osName(ua)}
	for _, app := range inAppBrowsers {
		if strings.Contains(header, app.token) {
			d.Browser = app.name
			break
		}
	}
	if d.Browser == header { // a User-Agent that the parser did not understand
		d.Browser = ""
	}
	d.Browser, d.OS = printable(d.Browser), printable(d.OS)
	return d
}

// inAppBrowsers are browsers inside the apps that many people in Korea open
// links in; the parser takes them for Chrome or Safari.
var inAppBrowsers = []struct{ token, name string }{
	{"KAKAOTALK", "KakaoTalk"},
	{"NAVER(inapp", "NAVER"},
	{"DaumApps", "Daum"},
	{"Line/", "LINE"},
	{"Whale/", "Whale"},
	{"SamsungBrowser/", "Samsung Internet"},
}

func osName(ua useragent.UserAgent) string {
	switch {
	case ua.OS == useragent.IOS && ua.Tablet:
		return "iPadOS"
	case ua.OS == useragent.ChromeOS:
		return "ChromeOS"
	}
	return ua.OS
}

// printable keeps short plain names; anything else is not a name.
func printable(s string) string {
	if len(s) > 40 {
		return ""
	}
	for _, r := range s {
		if r < 0x20 || r > 0x7e {
			return ""
		}
	}
	return s
}

// iconOf names the picture beside a session.
func iconOf(s session.Session) string {
	if s.Carrier == session.Bearer {
		return "terminal"
	}
	return deviceIcon(s.Device)
}

// deviceIcon names the picture beside a device.
func deviceIcon(d session.Device) string {
	switch d.OS {
	case useragent.Android, useragent.IOS:
		return "phone"
	case "iPadOS":
		return "tablet"
	case useragent.Windows, useragent.MacOS, useragent.Linux, "ChromeOS":
		return "desktop"
	}
	switch strings.ToLower(d.Browser) {
	case "curl", "wget", "go-http-client", "python-requests":
		return "terminal"
	}
	return "unknown"
}
