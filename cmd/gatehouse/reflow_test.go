package main

import (
	"testing"

	"github.com/chromedp/chromedp"

	"gatehouse/internal/testenv/browser"
)

// narrowest is the width, in CSS pixels, at which WCAG 2.2 (1.4.10) wants pages
// to be read without scrolling sideways: 1280 px at 400 %.
const narrowest = 320

// layout looks at the page as it is laid out: how wide it is, what reaches over
// the edge, which targets are smaller than 24 px (WCAG 2.2, 2.5.8; links
// inside a sentence may be), how many lines the navigation takes, and which
// groups of an address are torn apart.
const layout = `(() => {
	const name = e => e.tagName.toLowerCase() + (e.id && "#" + e.id) + " " + (e.getAttribute("aria-label") || e.innerText || e.name || "").slice(0, 40);
	const inText = e => getComputedStyle(e).display === "inline" &&
		[...e.parentElement.childNodes].some(n => n !== e && n.nodeType === Node.TEXT_NODE && n.textContent.trim());
	const shown = e => e.checkVisibility({visibilityProperty: true});
	const targets = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), [tabindex='0']")].filter(shown);
	const box = e => e.getBoundingClientRect();
	return {
		Width: document.scrollingElement.scrollWidth,
		Targets: targets.length,
		Small: targets.filter(e => !inText(e) && !e.matches(".skip") && (box(e).width < 24 || box(e).height < 24))
			.map(e => name(e) + " " + box(e).width + "×" + box(e).height),
		Over: [...document.querySelectorAll("main *, header *, footer *")]
			.filter(e => shown(e) && !e.closest("thead, .unseen, svg") && (box(e).right > innerWidth + 0.5 || box(e).left < -0.5))
			.map(name),
		Lines: new Set([...document.querySelectorAll("header nav li")].map(e => box(e).top)).size,
		Torn: [...document.querySelectorAll(".ip")].filter(shown).flatMap(e => [...e.childNodes]).filter(n => n.nodeType === Node.TEXT_NODE && n.data.includes(":"))
			.filter(n => { const r = document.createRange(); r.selectNode(n); return new Set([...r.getClientRects()].map(c => c.top)).size > 1; })
			.map(n => n.data),
	};
})()`

// reflows fails the test if the page that by shows scrolls sideways, has
// targets that are too small, a navigation of more than two lines or an address
// broken within a group, on the narrowest screen or on a wide one.
func (v *tour) reflows(s stop) {
	v.Helper()
	for _, width := range []int64{narrowest, 1280} {
		s.by.size(width, 800)
		seen := layOut(s.by)
		if seen.Width > width || len(seen.Over) > 0 {
			v.Errorf("%s is %d px wide on a screen of %d: %q", s.name, seen.Width, width, seen.Over)
		}
		if len(seen.Small) > 0 || seen.Targets < 3 {
			v.Errorf("%s at %d px: of %d targets these are too small: %q", s.name, width, seen.Targets, seen.Small)
		}
		if seen.Lines > 2 || len(seen.Torn) > 0 {
			v.Errorf("%s at %d px: the navigation takes %d lines; torn apart: %q", s.name, width, seen.Lines, seen.Torn)
		}
	}
}

// laidOut is what layout returns.
type laidOut struct {
	Width, Targets    int64
	Lines             int
	Small, Over, Torn []string
}

func layOut(b *tab) laidOut { b.t.Helper(); return eval[laidOut](b, layout) }

// The look at the layout sees what is wrong if something is.
func TestReflow(t *testing.T) {
	t.Parallel()
	b := openTab(t, browser.New(t), startNode(t, embedded(t)), look{})
	b.open("/login")
	b.size(narrowest, 800)
	eval[chromedp.Void](b, "document.querySelector('#username').style.width = '400px'; document.querySelector('#login-form button:not([type])').style.cssText = 'min-height: 0; height: 20px'; undefined")
	if seen := layOut(b); seen.Width <= narrowest || len(seen.Over) == 0 || len(seen.Small) != 1 {
		t.Errorf("it does not see what is wrong: %+v", seen)
	}
	b.open("/login")
	eval[chromedp.Void](b, `document.querySelector("header").insertAdjacentHTML("beforeend", "<nav><ul>" + "<li>one two three</li>".repeat(12) + "</ul></nav>");
		document.querySelector("main").insertAdjacentHTML("beforeend", "<p class=ip>2001:<wbr>db8:<wbr>" + "f".repeat(80) + ":</p>");
		document.querySelector("main .ip").style.overflowWrap = "anywhere"; undefined`)
	if seen := layOut(b); seen.Lines <= 2 || len(seen.Torn) != 1 {
		t.Errorf("it does not see what is wrong: %+v", seen)
	}
}
