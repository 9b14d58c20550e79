package pipeline

// Bridge is the name of the integration bridge that the controller keeps on every host.
const Bridge = "br-int"
