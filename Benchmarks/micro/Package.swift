// swift-tools-version: 6.3
import PackageDescription

let package = Package(
    name: "micro",
    dependencies: [.package(name: "gateway", path: "../..")],
    targets: [
        .executableTarget(
            name: "micro",
            dependencies: [.product(name: "GatewayParsers", package: "gateway")],
            swiftSettings: [.swiftLanguageMode(.v6), .enableExperimentalFeature("Lifetimes")]
        )
    ]
)
