// Package house holds no code: its tests keep the rules of the house. Who may
// import whom, which package may know which library, and that the files beside
// the code say what the program does.
package house
