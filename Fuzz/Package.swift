// swift-tools-version: 6.3
import Foundation
import PackageDescription

/// Every folder in `Sources` is a target of one file that defines `LLVMFuzzerTestOneInput`.
let names =
    try FileManager.default.contentsOfDirectory(atPath: Context.packageDirectory + "/Sources")
    .filter { !$0.hasPrefix(".") }.sorted()

// Static libraries and not executables: the fuzzer brings its own `main`, so `run.sh` links them.
let package = Package(
    name: "Fuzz",
    products: names.map { .library(name: $0, type: .static, targets: [$0]) },
    dependencies: [.package(name: "gateway", path: "..")],
    targets: names.map { name in
        .target(
            name: name,
            dependencies: [.product(name: "GatewayParsers", package: "gateway")],
            swiftSettings: [.swiftLanguageMode(.v6)]
        )
    }
)
