// Package user owns accounts: who somebody is, the rules for names and
// passwords, sign-up, the password check, roles, and the contract that a
// database has to keep for them.
//
// It must not know HTTP, SQL, languages of pages or sessions. What it says to
// a person it says as a message key ([Invalid]); what ends sessions (a new
// password, a new role, a disabled account) it expresses as a raised [Epoch].
package user
