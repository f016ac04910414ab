package session

import "context"

// Events is the news of ends, from the store that knows them.
type Events interface {
	// Listen calls ended for every session that ends from now on, on whatever
	// node, until ctx ends. It is news and no record: some of it may be lost,
	// and missed is called when it may have been, so that the caller looks for
	// itself. Neither function may block.
	Listen(ctx context.Context, ended func(ID, Reason), missed func())
}
