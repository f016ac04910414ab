package server

import (
	"net/http/httptest"
	"os"
	"testing"

	"context"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"gatehouse/internal/testenv/browser"
)

// TestRenderAuditIsAccessible asks axe about the audit log in both languages
// and schemes, as a table and as cards; nothing may need scrolling sideways.
func TestRenderAuditIsAccessible(t *testing.T) {
	axe, err := os.ReadFile("../../cmd/gatehouse/testdata/axe.min.js")
	must(t, err)
	site := httptest.NewServer(previewHandler(t))
	defer site.Close()
	ctx := browser.New(t)
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int{320, 1280} {
			as := func(ctx context.Context, tab *chromedp.Target) (chromedp.Void, error) {
				_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
					Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
				if err == nil {
					_, err = cdp.Call(ctx, tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: int64(width), Height: 900, DeviceScaleFactor: 1})
				}
				return chromedp.Void{}, err
			}
			_, err := chromedp.Run(ctx, as)
			must(t, err)
			for _, page := range []string{"/ko/admin_audit", "/en/admin_audit", "/en/admin_audit_wrong", "/ko/admin_audit_none"} {
				_, err := chromedp.Run(ctx, chromedp.Navigate(site.URL+page))
				must(t, err)
				got, err := chromedp.Run(ctx, chromedp.Evaluate[string](`(async () => {`+string(axe)+`
					const found = (await axe.run()).violations.map((v) => v.id + " " + v.nodes.map((n) => n.html).join(" "));
					const root = document.documentElement;
					if (root.scrollWidth > root.clientWidth) found.push("wider than the window: " + [...document.querySelectorAll("main *")].filter((e) => e.getBoundingClientRect().right > root.clientWidth).map((e) => e.outerHTML.slice(0, 120)).join(" ### "));
					return found.join("\n") || "ok";
				})()`, chromedp.EvalAwaitPromise))
				must(t, err)
				if got != "ok" {
					t.Errorf("%s, %s, %d px: %s", page, scheme, width, got)
				}
			}
		}
	}
}
