//go:build !race

package redisdb

const allocsOfAQuestion = 0
