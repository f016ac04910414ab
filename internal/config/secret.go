package config

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a text that does not show itself: fmt, slog, JSON and the like
// print ***, or nothing if it is empty. The zero value is the empty secret.
type Secret struct {
	// A pointer, because fmt reads unexported fields of other structs without
	// asking Format; it then prints an address.
	value *string
}

// NewSecret returns s as a Secret.
func NewSecret(s string) Secret { return Secret{value: &s} }

// Reveal returns the text, for the driver that needs it and nobody else.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsEmpty reports whether there is no text.
func (s Secret) IsEmpty() bool { return s.Reveal() == "" }

// String implements fmt.Stringer without revealing.
func (s Secret) String() string {
	if s.IsEmpty() {
		return ""
	}
	return "***"
}

// Format implements fmt.Formatter: every verb prints what String does.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText implements encoding.TextMarshaler, and with it JSON.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler, for the command line.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}
