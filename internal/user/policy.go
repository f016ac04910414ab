package user

// SignUp is what somebody typed to get an account.
type SignUp struct {
	Username string
	Password string
	Email    string // optional
	Name     string // display name; optional
}

// Policy is what an installation may choose about accounts. The zero value is
// the default.
type Policy struct {
	// MinLength is the smallest number of characters in a password: 8 to 15;
	// 0 means 8. NIST SP 800-63B-4 asks for 15 where the password is the only
	// factor. It counts for new passwords only.
	MinLength int
}

// MinPassword returns the smallest number of characters in a password.
func (p Policy) MinPassword() int { return min(max(p.MinLength, 8), 15) }

// Check returns what was typed in the form in which it is stored, the password
// apart, which stays as it is; or [Invalid] with the problems of every field.
// It asks no store.
func (p Policy) Check(in SignUp) (SignUp, error) {
	bad := Invalid{}
	note := func(field, problem string) {
		if problem != "" {
			bad[field] = problem
		}
	}
	out := SignUp{Password: in.Password}
	var problem string
	out.Username, problem = parseUsername(in.Username)
	note("username", problem)
	out.Email, problem = parseEmail(in.Email)
	note("email", problem)
	out.Name, problem = parseName(in.Name)
	note("name", problem)
	_, problem = p.parsePassword(in.Password, about{out.Username, out.Email, out.Name})
	note("password", problem)
	if len(bad) > 0 {
		return out, bad
	}
	return out, nil
}
