package server

import (
	"net/http"
	"net/url"
)

// originCheck keeps other sites from posting our forms. The judge is net/http's
// CrossOriginProtection; around it stand three rules that it leaves out: the
// scheme counts, Sec-Fetch-Site is believed even next to a trusted Origin, and
// an Origin is looked at even next to a Sec-Fetch-Site.
type originCheck struct {
	public string // scheme://host[:port]
	host   string
	std    *http.CrossOriginProtection
}

func newOriginCheck(public *url.URL) *originCheck {
	o := &originCheck{public: public.Scheme + "://" + public.Host, host: public.Host, std: http.NewCrossOriginProtection()}
	// A proxy may rewrite Host; what browsers say in Origin is the public URL.
	// An error would mean a path in it, which the line above excludes.
	if err := o.std.AddTrustedOrigin(o.public); err != nil {
		panic(err)
	}
	return o
}

// allows reports whether r may change something. Requests with neither header
// come from no browser of this decade: they carry no foreign page's cookies and
// are allowed.
func (o *originCheck) allows(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return true
	}
	site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
	switch site {
	case "", "same-origin", "none":
	default:
		return false
	}
	switch origin {
	case "", o.public:
	case "null": // a page that hides its origin; the browser may still vouch for it
		if site != "same-origin" {
			return false
		}
	default:
		// Reached under another name than the public one, say 127.0.0.1.
		u, err := url.Parse(origin)
		if err != nil || u.Host != r.Host || u.Host == o.host {
			return false
		}
	}
	return o.std.Check(r) == nil
}
