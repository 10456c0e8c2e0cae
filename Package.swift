// swift-tools-version: 6.3
import PackageDescription

/// One list for every Swift target, so that no file is checked less strictly than another.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableExperimentalFeature("Lifetimes"),
    // Overlapping accesses are errors at compile time in every build, and checked at run time in
    // debug builds, which is what all tests run on, the simulation's thousand seeds included. In a
    // release build the run-time half would cost 12 % of the instructions of a request.
    .unsafeFlags(
        ["-enforce-exclusivity=unchecked", "-cross-module-optimization"],
        .when(configuration: .release)),
]

/// Leaves first: an arrow points only to what stands above it.
let package = Package(
    name: "gateway",
    products: [
        .executable(name: "gateway", targets: ["gateway"]),
        .library(
            name: "GatewayParsers",
            targets: [
                "Bytes", "HTTP", "HTTP1", "Addressing", "Caching", "Compression", "Configuration",
                "TLS",
            ]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: [
        .systemLibrary(
            name: "CCares", pkgConfig: "libcares", providers: [.apt(["libc-ares-dev"])]),
        .systemLibrary(
            name: "CHiredis", pkgConfig: "hiredis", providers: [.apt(["libhiredis-dev"])]),
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(
            name: "CLibdeflate", pkgConfig: "libdeflate", providers: [.apt(["libdeflate-dev"])]),
        .systemLibrary(name: "CIsal", pkgConfig: "libisal", providers: [.apt(["libisal-dev"])]),
        .systemLibrary(
            name: "CBrotli", pkgConfig: "libbrotlienc libbrotlidec",
            providers: [.apt(["libbrotli-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(
            name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),

        .target(name: "Bytes", swiftSettings: settings),
        .target(name: "HTTP", dependencies: ["Bytes"], swiftSettings: settings),
        .target(name: "HTTP1", dependencies: ["Bytes", "HTTP"], swiftSettings: settings),
        .target(name: "Addressing", dependencies: ["Bytes"], swiftSettings: settings),
        .target(name: "Balancing", dependencies: ["Addressing"], swiftSettings: settings),
        .target(name: "Caching", dependencies: ["Bytes", "HTTP"], swiftSettings: settings),
        .target(name: "Limiting", dependencies: ["HTTP"], swiftSettings: settings),
        .target(
            name: "Compression",
            dependencies: ["Bytes", "CBrotli", "CIsal", "CLibdeflate", "CZlib", "CZstd", "HTTP"],
            swiftSettings: settings),
        .target(
            name: "Configuration", dependencies: ["Addressing", "Bytes", "HTTP", "Limiting"],
            swiftSettings: settings),
        .target(
            name: "TLS",
            dependencies: ["Bytes", "COpenSSL", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: settings),
        .target(
            name: "EventLoop", dependencies: ["Addressing", "Bytes", "CLinux", "TLS"],
            // Glibc's own module must be read with the GNU extensions that CLinux asks for, or the
            // two disagree about fd_set.
            cSettings: [.define("_GNU_SOURCE")], swiftSettings: settings),
        .target(
            name: "Resolving", dependencies: ["Addressing", "CCares"], swiftSettings: settings),
        .target(
            name: "Redis", dependencies: ["Addressing", "Bytes", "CHiredis", "EventLoop", "TLS"],
            // As for EventLoop, whose module comes along.
            cSettings: [.define("_GNU_SOURCE")], swiftSettings: settings),
        .target(
            name: "Telemetry",
            dependencies: ["Addressing", "Bytes", .product(name: "Logging", package: "swift-log")],
            swiftSettings: settings),
        .target(
            name: "Proxy",
            dependencies: [
                "Addressing", "Balancing", "Bytes", "Caching", "Compression", "Configuration",
                "EventLoop",
                "HTTP", "HTTP1", "Limiting", "Redis", "Resolving", "TLS", "Telemetry",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "gateway",
            dependencies: [
                "Addressing", "Bytes", "Configuration", "EventLoop", "HTTP", "HTTP1", "Proxy",
                "Resolving", "TLS", "Telemetry",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),

        .testTarget(name: "BytesTests", dependencies: ["Bytes"], swiftSettings: settings),
        .testTarget(name: "HTTPTests", dependencies: ["Bytes", "HTTP"], swiftSettings: settings),
        .testTarget(
            name: "HTTP1Tests", dependencies: ["Bytes", "HTTP", "HTTP1"], swiftSettings: settings),
        .testTarget(
            name: "AddressingTests", dependencies: ["Addressing", "Bytes"],
            swiftSettings: settings),
        .testTarget(
            name: "CachingTests", dependencies: ["Bytes", "Caching", "HTTP", "HTTP1"],
            swiftSettings: settings),
        .testTarget(
            name: "BalancingTests", dependencies: ["Addressing", "Balancing"],
            swiftSettings: settings),
        .testTarget(
            name: "CompressionTests", dependencies: ["Bytes", "Compression", "HTTP"],
            swiftSettings: settings),
        .testTarget(
            name: "ConfigurationTests",
            dependencies: ["Addressing", "Configuration", "HTTP", "Limiting"],
            exclude: ["Golden"], swiftSettings: settings),
        .testTarget(name: "LimitingTests", dependencies: ["Limiting"], swiftSettings: settings),
        .testTarget(
            name: "EventLoopTests", dependencies: ["Addressing", "Bytes", "EventLoop", "TLS"],
            swiftSettings: settings),
        .testTarget(
            name: "RedisTests", dependencies: ["Bytes", "Redis"],
            cSettings: [.define("_GNU_SOURCE")], swiftSettings: settings),
        .testTarget(
            name: "ResolvingTests", dependencies: ["Addressing", "Resolving"],
            swiftSettings: settings),
        .testTarget(
            name: "TelemetryTests",
            dependencies: [
                "Addressing", "Bytes", "Telemetry",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "TLSTests", dependencies: ["Bytes", "COpenSSL", "TLS"], swiftSettings: settings),
        .testTarget(
            name: "ProxyTests",
            dependencies: [
                "Addressing", "Balancing", "Bytes", "Caching", "Compression", "Configuration",
                "EventLoop",
                "HTTP", "HTTP1", "Limiting", "Proxy", "Redis", "TLS", "Telemetry",
            ],
            exclude: ["Golden"], swiftSettings: settings),
        .testTarget(
            name: "GatewayTests", dependencies: ["Configuration", "gateway"],
            swiftSettings: settings),
        .testTarget(name: "RepositoryTests", swiftSettings: settings),
    ]
)
