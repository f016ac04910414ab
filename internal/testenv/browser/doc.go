// Package browser gives a test a real Chromium, driven by chromedp, that talks
// to nobody but this machine. It stands apart from testenv so that tests of
// stores need not compile chromedp.
package browser
