// Package weft makes a weftd of Weft and of apps of your own: a main that lists them is all there is to write.
//
//	func main() { weft.Main(notelnet.App()) }
//
// See docs/writing-apps.md.
package weft
