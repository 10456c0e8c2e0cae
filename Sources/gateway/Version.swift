/// The version of this program, the only place that names it: the changelog explains it, and
/// `gateway version` and the metrics tell it.
let gatewayVersion = "0.1.0"

/// What was built, in words.
enum Build {
    /// What `gateway version` prints.
    static var text: String { "gateway \(gatewayVersion) (\(compiler), \(platform))" }

    private static var compiler: String {
        #if compiler(>=6.4)
            "Swift 6.4 or later"
        #else
            "Swift 6.3"
        #endif
    }

    private static var platform: String {
        #if arch(x86_64)
            "Linux x86_64"
        #elseif arch(arm64)
            "Linux aarch64"
        #else
            "Linux"
        #endif
    }
}
