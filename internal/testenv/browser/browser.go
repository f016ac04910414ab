package browser

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"gatehouse/internal/testenv"
)

// New starts a headless browser with an empty profile for this test and
// returns the context of its first tab. chromedp.NewContext on that context
// opens another tab of the same profile. Opts override [Options].
func New(t testing.TB, opts ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	allocator, stop := chromedp.NewExecAllocator(context.Background(), append(Options(t), opts...)...)
	t.Cleanup(stop) // waits for the browser to end
	ctx, _ := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil { // starts it
		t.Fatalf("chromium: %v", err)
	}
	return ctx
}

// Options returns what a browser under test needs: headless, a profile of its
// own, no sandbox (which containers and root do not allow), and no traffic of
// its own; names other than localhost do not resolve.
func Options(t testing.TB) []chromedp.ExecAllocatorOption {
	t.Helper()
	path, dir := testenv.Chromium(t), testenv.TempDir(t)
	return append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.UserDataDir(dir),
		chromedp.Env("TMPDIR="+dir, "XDG_CONFIG_HOME="+dir, "XDG_CACHE_HOME="+dir),
		chromedp.NoSandbox,
		chromedp.DisableGPU,
		chromedp.NoFirstRun,
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("no-proxy-server", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost, EXCLUDE [::1]"),
		chromedp.WSURLReadTimeout(time.Minute), // a loaded two-core machine is slow
	)
}
