package server

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"gatehouse/internal/testenv/browser"
)

// TestRenderScript tries in a browser what app.js adds to the pages, under the
// product's content security policy. Each case is a sample and an expression
// that is "ok" or says what is wrong.
func TestRenderScript(t *testing.T) {
	site := httptest.NewServer(previewHandler(t))
	defer site.Close()
	ctx := browser.New(t)
	inSeoul := func(ctx context.Context, tab *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, tab, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Seoul"})
		return chromedp.Void{}, err
	}
	if _, err := chromedp.Run(ctx, inSeoul); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, page, script string }{
		{"shows the password and sends it hidden", "/en/login", `
			const button = document.querySelector("[data-reveal=password]"), input = document.getElementById("password");
			if (button.hidden || input.type !== "password") return "at first";
			button.click();
			if (input.type !== "text" || button.getAttribute("aria-pressed") !== "true") return "not shown";
			button.form.addEventListener("submit", (e) => e.preventDefault());
			button.form.dispatchEvent(new SubmitEvent("submit", { cancelable: true }));
			if (input.type !== "password" || button.getAttribute("aria-pressed") !== "false") return "sent in the open";
			return document.activeElement === document.body ? "ok" : "focus moved";`},
		{"tells of Hangul in the password, in Korean only", "/ko/login", `
			const input = document.getElementById("password"), hint = document.querySelector("[data-hints=password] [data-hint=hangul]");
			const type = (text) => { input.value = text; input.dispatchEvent(new Event("input")); return !hint.hidden; };
			return !type("qwer") && type("ㅂㅈㄷㄱ") && type("비밀") && !type("") ? "ok" : "hint is wrong";`},
		{"tells of Caps Lock", "/en/login", `
			const input = document.getElementById("password"), hint = document.querySelector("[data-hints=password] [data-hint=caps]");
			input.dispatchEvent(new KeyboardEvent("keydown", { key: "A", modifierCapsLock: true }));
			if (hint.hidden) return "not told";
			input.dispatchEvent(new KeyboardEvent("keyup", { key: "CapsLock" }));
			return hint.hidden ? "ok" : "still told";`},
		{"checks rules on leaving a field", "/en/signup", `
			const input = document.getElementById("username"), state = () => [...document.querySelectorAll("#username-rules li")].map((li) => li.dataset.state).join();
			const type = (text) => { input.value = text; input.dispatchEvent(new Event("input")); };
			type("김");
			if (state() !== ",") return "while typing: " + state();
			input.dispatchEvent(new Event("blur"));
			if (state() !== "broken,broken") return "after: " + state();
			const told = document.querySelector("[data-hints=username] [data-hint=rules]");
			if (input.getAttribute("aria-invalid") !== "true" || !told.textContent.includes("3 to 32")) return "not told";
			type("minji.kim");
			if (state() !== "kept,kept" || told.textContent || input.hasAttribute("aria-invalid")) return "mended: " + state();
			type("minji.");
			input.dispatchEvent(new Event("blur"));
			return state() === "kept,broken" ? "ok" : "dot at the end: " + state();`},
		{"guesses the strength of a password", "/en/signup", `
			const input = document.getElementById("password"), gauge = document.querySelector("[data-strength]");
			const level = (text) => { input.value = text; input.dispatchEvent(new Event("input")); return gauge.dataset.level + gauge.querySelector("[data-word]").textContent; };
			const got = [level("short"), level("aaaaaaaa"), level("correct horse battery"), level("x".repeat(129))].join();
			return got === "0Too short,1Easy to guess,3Looks good,0Too long" && gauge.textContent.includes("129/128") ? "ok" : got;`},
		{"swallows a double press but no retry", "/en/login", `
			const form = document.getElementById("login-form");
			const press = () => { const e = new SubmitEvent("submit", { cancelable: true, bubbles: true }); form.dispatchEvent(e); return e.defaultPrevented; };
			if (press()) return "the first is swallowed";
			if (!press()) return "the second is sent";
			dispatchEvent(new PageTransitionEvent("pageshow"));
			if (press()) return "swallowed after coming back";
			await new Promise((done) => setTimeout(done, 2200));
			return press() || form.querySelector("button:not([type])").getAttribute("aria-busy") !== "true" ? "a retry is swallowed" : "ok";`},
		{"shows times in the viewer's zone", "/ko/mypage", `
			const shown = [...document.querySelectorAll("time")].map((el) => el.textContent);
			for (const want of ["2026년 3월 18일", "2026년 11월 20일 오후 3:03", "방금", "3분 전", "40일 전"]) if (!shown.includes(want)) return want + " is not in " + shown;
			return document.querySelector("#devices-heading ~ .rows time[title]").title === "2026년 11월 21일 오후 5:03" ? "ok" : "title";`},
		{"leaves public pages alone on Back", "/en/login", `
			dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
			return document.body.hidden ? "covered" : "ok";`},
		{"takes the focus to what went wrong", "/en/signup_failed", `
			await new Promise(requestAnimationFrame);
			return document.activeElement.id === "error-summary" ? "ok" : document.activeElement.outerHTML;`},
		{"puts the focus on Cancel", "/en/confirm_disable", `
			await new Promise(requestAnimationFrame);
			return document.activeElement.textContent === "Cancel" ? "ok" : document.activeElement.outerHTML;`},
		// Last: it leaves the page loading.
		{"covers a page that Back brings again", "/en/mypage", `
			dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
			return document.body.hidden ? "ok" : "private things stay on screen";`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := chromedp.Run(ctx, chromedp.Navigate(site.URL+tt.page)); err != nil {
				t.Fatal(err)
			}
			got, err := chromedp.Run(ctx, chromedp.Evaluate[string]("(async () => {"+tt.script+"})()", chromedp.EvalAwaitPromise))
			if err != nil {
				t.Fatal(err)
			}
			if got != "ok" {
				t.Error(got)
			}
		})
	}
}
