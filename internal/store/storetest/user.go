package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/user"
)

// RunUsers holds a backend to the contract of user.Store. open is called once
// per test and returns an empty store.
func RunUsers(t *testing.T, open func(t *testing.T) user.Store) {
	tests := []struct {
		name string
		run  func(*testing.T, user.Store)
	}{
		{"AccountsComeBackAsStored", accountsComeBack},
		{"NamesAndAddressesAreUnique", namesAreUnique},
		{"OneOfManySignUpsWins", oneSignUpWins},
		{"LoginByNameOrAddress", loginByNameOrAddress},
		{"StrangeTextIsNotFound", strangeTextIsNotFound},
		{"ListSearchesLiterally", listSearchesLiterally},
		{"ListPages", listPages},
		{"SetPasswordIsConditional", setPasswordIsConditional},
		{"OneOfManyPasswordChangesWins", onePasswordChangeWins},
		{"RehashIsConditionalAndRaisesNothing", rehashIsConditional},
		{"DisableAndEnable", disableAndEnable},
		{"SetRole", setRole},
		{"EveryRaiseCounts", everyRaiseCounts},
		{"TheLastAdminStays", lastAdminStays},
		{"TwoAdminsAgainstEachOther", twoAdminsAgainstEachOther},
		{"SetupCodes", setupCodes},
		{"OneFirstAdmin", oneFirstAdmin},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// at is the time of everything in these tests; stores keep milliseconds.
var at = time.Date(2026, 11, 21, 17, 4, 0, 123e6, time.UTC)

var byOperator = user.Change{At: at}

func account(username string) user.User {
	return user.User{ID: user.NewID(), Username: username, Role: user.RoleUser, PasswordHash: "hash of " + username, CreatedAt: at}
}

// added creates an account and returns it as stored.
func added(t *testing.T, s user.Store, u user.User) user.User {
	t.Helper()
	must(t, s.Create(context.Background(), u))
	return again(t, s, u.ID)
}

func again(t *testing.T, s user.Store, id user.ID) user.User {
	t.Helper()
	u, err := s.ByID(context.Background(), id)
	must(t, err)
	return u
}

func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func accountsComeBack(t *testing.T, s user.Store) {
	ctx := context.Background()
	full := account("minji")
	full.Name, full.Email, full.Role = "김민지 · Étoile", "Min.Ji@Example.com", user.RoleAdmin
	full.DisabledAt = at.Add(time.Hour)
	for _, u := range []user.User{full, account("plain")} {
		got := added(t, s, u)
		if diff := cmp.Diff(u, got); diff != "" {
			t.Errorf("by id (-stored +found):\n%s", diff)
		}
		byName, err := s.ByLogin(ctx, u.Username)
		must(t, err)
		if diff := cmp.Diff(got, byName); diff != "" {
			t.Errorf("by login differs from by id:\n%s", diff)
		}
	}
	if !again(t, s, full.ID).Disabled() {
		t.Error("the shut account came back open")
	}
}

func namesAreUnique(t *testing.T, s user.Store) {
	ctx := context.Background()
	first := account("first")
	first.Email = "one@example.com"
	added(t, s, first)

	wantErr(t, "same username", s.Create(ctx, account("first")), user.ErrUsernameTaken)
	other := account("other")
	other.Email = "ONE@Example.COM"
	wantErr(t, "same address in other case", s.Create(ctx, other), user.ErrEmailTaken)
	if _, err := s.ByID(ctx, other.ID); !errors.Is(err, user.ErrNotFound) {
		t.Errorf("the refused account: %v, want ErrNotFound", err)
	}
	// No address is not an address that two could share.
	added(t, s, account("none1"))
	added(t, s, account("none2"))

	same := account("fresh")
	same.ID = first.ID
	if err := s.Create(ctx, same); err == nil || errors.Is(err, user.ErrUsernameTaken) || errors.Is(err, user.ErrEmailTaken) {
		t.Errorf("same id: %v", err)
	}
}

func loginByNameOrAddress(t *testing.T, s user.Store) {
	ctx := context.Background()
	u := account("jun")
	u.Email = "Jun@Example.com"
	added(t, s, u)
	for _, login := range []string{"jun", "Jun@Example.com", "jun@example.com", "JUN@EXAMPLE.COM"} {
		got, err := s.ByLogin(ctx, login)
		if err != nil || got.ID != u.ID {
			t.Errorf("%q: %v, %v", login, got.ID, err)
		}
	}
	for _, login := range []string{"", "@", "JUN", "jun@", "%", "ju_", "jun@example_com", " jun"} {
		_, err := s.ByLogin(ctx, login)
		wantErr(t, "login "+login, err, user.ErrNotFound)
	}
	_, err := s.ByID(ctx, user.NewID())
	wantErr(t, "unknown id", err, user.ErrNotFound)
}

// What anybody can type into a form is answered, not a failure of the store.
func strangeTextIsNotFound(t *testing.T, s user.Store) {
	ctx := context.Background()
	added(t, s, account("jun"))
	for _, text := range []string{"jun\x00", "\xff\xfe", "a@\x00", "'; DROP TABLE users; --", `\`, `"`} {
		_, err := s.ByLogin(ctx, text)
		wantErr(t, "login "+text, err, user.ErrNotFound)
		if _, _, err := s.List(ctx, user.Query{Text: text}); err != nil {
			t.Errorf("list %q: %v", text, err)
		}
		wantErr(t, "set-up code", s.SetupCode(ctx, text, at), user.ErrSetupCode)
	}
	odd := account("odd")
	odd.Name = "a\x00b\xffc"
	if got := added(t, s, odd); got.Name == "" {
		t.Error("the name with odd bytes is lost")
	}
}

func listSearchesLiterally(t *testing.T, s user.Store) {
	for username, other := range map[string][2]string{
		"alpha_one": {"Ärger & Co", "a@example.com"},
		"alphaxone": {"100% sure", "B_b@Example.com"},
		"gamma":     {"김민지", ""},
		"delta":     {`back\slash`, ""},
	} {
		u := account(username)
		u.Name, u.Email = other[0], other[1]
		added(t, s, u)
	}
	for text, want := range map[string][]string{
		"":                               {"alpha_one", "alphaxone", "delta", "gamma"},
		"ALPHA":                          {"alpha_one", "alphaxone"},
		"alpha_":                         {"alpha_one"},
		"%":                              {"alphaxone"},
		"_":                              {"alpha_one", "alphaxone"},
		`\`:                              {"delta"},
		"ärger":                          {"alpha_one"},
		"ÄRGER":                          {"alpha_one"},
		"민지":                             {"gamma"},
		"\u1106\u1175\u11ab\u110c\u1175": {"gamma"}, // the same, as a Mac may send it
		"b_b@EXAMPLE":                    {"alphaxone"},
		"nobody":                         nil,
	} {
		users, total, err := s.List(context.Background(), user.Query{Text: text})
		must(t, err)
		if diff := cmp.Diff(want, usernames(users)); diff != "" || total != len(want) {
			t.Errorf("search %q: total %d (-want +got):\n%s", text, total, diff)
		}
	}
}

func usernames(users []user.User) (names []string) {
	for _, u := range users {
		names = append(names, u.Username)
	}
	return names
}

func listPages(t *testing.T, s user.Store) {
	ctx := context.Background()
	for _, name := range []string{"c", "a", "e", "b", "d"} {
		added(t, s, account(name))
	}
	for _, test := range []struct {
		q    user.Query
		want []string
	}{
		{user.Query{Limit: 2}, []string{"a", "b"}},
		{user.Query{Limit: 2, Offset: 2}, []string{"c", "d"}},
		{user.Query{Limit: 2, Offset: 4}, []string{"e"}},
		{user.Query{Limit: 2, Offset: 6}, nil},
		{user.Query{Limit: 2, After: "b"}, []string{"c", "d"}},
		{user.Query{After: "bb"}, []string{"c", "d", "e"}},
		{user.Query{After: "e"}, nil},
		{user.Query{}, []string{"a", "b", "c", "d", "e"}},
	} {
		users, total, err := s.List(ctx, test.q)
		must(t, err)
		if diff := cmp.Diff(test.want, usernames(users)); diff != "" || total != 5 {
			t.Errorf("%+v: total %d (-want +got):\n%s", test.q, total, diff)
		}
	}
}
