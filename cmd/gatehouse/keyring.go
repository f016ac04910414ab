package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"gatehouse/internal/config"
	"gatehouse/internal/token"
)

// keyring returns the keys of access tokens, the first of which it makes if need
// be. They are kept up to date by its Run.
func (s *stores) keyring(ctx context.Context, c config.Config, log *slog.Logger) (*token.Keyring, error) {
	seal, err := sealer(c.StoreConfig)
	if err != nil {
		return nil, err
	}
	if seal == nil {
		log.Warn("GATEHOUSE_KEYS_SECRET is not set: whoever has a copy of the database can sign access tokens for sessions that are alive")
	}
	ring := token.NewKeyring(token.KeyringConfig{
		Keys:     s.db.SigningKeys(),
		Sealer:   seal,
		Alg:      token.Algorithm(c.TokenAlg),
		Rotation: c.TokenKeyRotation,
		Replace:  c.DatabaseURL.IsEmpty(), // SQLite: this node is the only one
		Log:      log,
		Now:      time.Now,
	})
	err = ring.Start(ctx, s.db.Patient().SigningKeys())
	if errors.Is(err, token.ErrSealed) {
		return nil, fmt.Errorf("%w\nGive this node the GATEHOUSE_KEYS_SECRET that the others have. If you mean to change it, or it is lost, run gatehouse key rotate --new-secret --now with the new one first", err)
	}
	return ring, err
}

// rememberedTokens is how many access tokens a node knows to be signed by us, so
// that each costs one verification of its signature: some 5 MB.
const rememberedTokens = 10_000

// accessTokens returns what signs access tokens and what checks them.
func accessTokens(c config.Config, keys *token.Keyring) (*token.Issuer, *token.Verifier, error) {
	between := token.Parties{Issuer: c.PublicURL.String(), Audience: cmp.Or(c.TokenAudience, c.PublicURL.String())}
	issuer, err := token.NewIssuer(keys, between, c.TokenLifetime)
	if err != nil {
		return nil, nil, err
	}
	verifier, err := token.NewVerifier(keys, between, rememberedTokens)
	return issuer, verifier, err
}
