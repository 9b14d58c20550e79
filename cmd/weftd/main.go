// Command weftd is the Weft controller.
package main

import "github.com/weft-sdn/weft/controller/weft"

// version is set at build time.
var version = "devel"

func main() { weft.Run(version) }
