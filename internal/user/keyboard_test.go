package user

import "testing"

func TestKeyboard(t *testing.T) {
	tests := []struct{ in, want string }{
		{"안녕하세요", "dkssudgktpdy"},
		{"사랑해", "tkfkdgo"},
		{"비밀번호", "qlalfqjsgh"},
		{"대한민국", "eogksalsrnr"},
		{"관리자", "rhksflwk"},
		{"값닭삶읽앉", "rkqtekfrtkfadlfrdksw"},
		{"꽃빵땀쌀짜", "RhcQkdEkaTkfWk"},
		{"얘예왜웨의", "dOdPdhodnpdml"},
		{"가힣", "rkglg"},
		{"ㅋㅋㅎㅎㅠㅠ", "zzggbb"},
		{"ㅔㅁㄴㄴ잭ㅇ", "password"},
		{"ㄳㄵㄶㄺㄻㄼㄽㄾㄿㅀㅄㄸㅃㅉ", "rtswsgfrfafqftfxfvfgqtEQW"},
		{"ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ", "koiOjpuPhhkhohlynnjnpnlbmmll"},
		{"abc 123!ñ", "abc 123!ñ"},
		{"", ""},
	}
	for _, tt := range tests {
		if got := keyboard(tt.in); got != tt.want {
			t.Errorf("keyboard(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestKeyboardKnowsEverySyllable(t *testing.T) {
	if len(initialKeys) != 19 || len(vowelKeys) != 21 || len(finalKeys) != 27 || len(consonantKeys) != 30 {
		t.Fatalf("tables have %d, %d, %d, %d letters", len(initialKeys), len(vowelKeys), len(finalKeys), len(consonantKeys))
	}
	for r := '가'; r <= '힣'; r++ {
		for _, k := range keyboard(string(r)) {
			if k > 'z' {
				t.Fatalf("%c is not typed: %q", r, keyboard(string(r)))
			}
		}
	}
}
