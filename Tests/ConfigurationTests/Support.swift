import Addressing
import Configuration

/// Files and environment that stand in a test.
func access(
    _ files: [String: String],
    environment: [String: String] = [:]
) -> SourceAccess {
    access(bytes: files.mapValues { Array($0.utf8) }, environment: environment)
}

func access(
    bytes files: [String: [UInt8]],
    environment: [String: String] = [:]
) -> SourceAccess {
    SourceAccess(
        read: { path, limit throws(SourceAccess.Failure) in
            guard let bytes = files[path] else {
                throw .unreadable("No such file or directory")
            }
            if bytes.count > limit { throw .tooLarge }
            return bytes
        },
        matches: { pattern in
            // Enough for tests: one star.
            let parts = pattern.split(separator: "*", omittingEmptySubsequences: false)
            guard parts.count == 2 else { return [] }
            return files.keys.filter { $0.hasPrefix(parts[0]) && $0.hasSuffix(parts[1]) }
        },
        environment: { environment[$0] }
    )
}

/// The configuration that a text stands for.
func configuration(
    _ text: String,
    files: [String: String] = [:],
    environment: [String: String] = [:]
) throws(InvalidConfiguration) -> Configuration {
    let all = files.merging(["gateway.conf": text]) { _, main in main }
    return try Configuration.load(
        "gateway.conf",
        access: access(all, environment: environment)
    )
}

/// What is said about a text: errors, or else warnings.
func diagnostics(
    _ text: String,
    files: [String: String] = [:],
    environment: [String: String] = [:]
) -> [Diagnostic] {
    do throws(InvalidConfiguration) {
        return try configuration(text, files: files, environment: environment).warnings
    } catch {
        return error.diagnostics
    }
}

/// Numbers that look random and are the same in every run.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
