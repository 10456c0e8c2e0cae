import Bytes
import Configuration

/// Configuration files: whatever the bytes are there is either a configuration or at least one
/// error, each with a place in a file that was read.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    let access = SourceAccess(
        read: { path, limit throws(SourceAccess.Failure) in
            let bytes: [UInt8]
            switch path {
            case "gateway.conf": bytes = input
            case "again.conf": bytes = Array(input.reversed())
            case "page.html": bytes = Array("<p>unavailable</p>".utf8)
            default: throw .unreadable("No such file or directory")
            }
            guard bytes.count <= limit else { throw .tooLarge }
            return bytes
        },
        matches: { $0.hasPrefix("a") ? ["again.conf"] : [] },
        environment: { $0 == "SET" ? "10.0.0.1:80 $x }" : nil }
    )
    do throws(InvalidConfiguration) {
        let configuration = try Configuration.load("gateway.conf", access: access)
        precondition(configuration.warnings.allSatisfy { $0.severity == .warning })
        checkPlaces(configuration.warnings)
    } catch {
        precondition(error.diagnostics.contains { $0.severity == .error }, "refused without error")
        checkPlaces(error.diagnostics)
        precondition(!error.description.isEmpty)
    }
    return 0
}

func checkPlaces(_ diagnostics: [Diagnostic]) {
    for diagnostic in diagnostics {
        for place in [diagnostic.place] + diagnostic.notes.map(\.place) {
            precondition(["gateway.conf", "again.conf"].contains(place.file), place.file)
            precondition(place.line >= 1 && place.column >= 1)
        }
        precondition(!diagnostic.message.isEmpty)
        // A terminal would obey what stands in the file.
        for scalar in diagnostic.message.unicodeScalars {
            precondition(scalar.value >= 0x20 && scalar.value != 0x7F, "control character printed")
        }
    }
}
