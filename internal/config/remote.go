package config

import (
	"errors"
	"net/url"
	"reflect"
	"strings"
)

// Remote are the settings of the commands that use a server over its API, as its
// people do, on whatever machine. An empty value means the default.
type Remote struct {
	ConfigDir string `name:"config-dir" env:"GATEHOUSE_CONFIG_DIR" placeholder:"DIR" help:"Folder to keep log-ins in. Empty: gatehouse in your folder for settings."`
}

// RemoteSettings returns the settings of [Remote], none of which the server has.
func RemoteSettings() []Setting { return settingsOf(reflect.TypeFor[Remote]()) }

// ServerURL reads the address of a server as somebody types it: https if no
// scheme is said. Plain http is for this machine, unless insecure, because
// password and tokens would travel in clear.
func ServerURL(text string, insecure bool) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	var p problems
	u := p.publicURL("URL", text)
	switch {
	case u == nil:
		return nil, errors.Join(p...)
	case u.Scheme == "http" && !insecure && !isLocal(u.Hostname()):
		return nil, errors.New("URL is plain http on another machine, where anybody on the way could take the password: use https, or say --insecure-http if you trust the network")
	}
	return u, nil
}
