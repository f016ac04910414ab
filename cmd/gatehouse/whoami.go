package main

import (
	"context"
	"encoding/json"
	"fmt"

	"gatehouse/internal/apiclient"
)

type whoamiCmd struct {
	loginAt
	JSON bool `help:"One JSON object."`
}

// Run asks the server who is logged in.
func (c whoamiCmd) Run(ctx context.Context, p program) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	me, err := client.Whoami(ctx)
	if err != nil {
		return tellLogin(err)
	}
	if c.JSON {
		return json.NewEncoder(p.stdout).Encode(struct {
			URL string `json:"url"`
			apiclient.Me
		}{client.URL(), me})
	}
	name := me.Username
	if me.Name != "" {
		name += " (" + me.Name + ")"
	}
	_, err = fmt.Fprintf(p.stdout, "%s, %s at %s\n", name, me.Role, client.URL())
	return err
}
