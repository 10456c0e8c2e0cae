/// The version of this program: the only place that names it.
let gatewayVersion = "0.1.0"
