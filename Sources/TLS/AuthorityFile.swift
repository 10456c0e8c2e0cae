import COpenSSL

/// A file with the authorities that are believed.
public enum AuthorityFile {
    /// Looks whether a file can be taken.
    /// - Parameters:
    ///   - path: PEM.
    ///   - read: Reads a file.
    /// - Throws: What is wrong with it, in words.
    public static func check(_ path: String, read: FileReader) throws(TLSSetupError) {
        let found = try PEM.certificates(try read(path), file: path)
        for each in found { unsafe X509_free(each.pointer) }
        if found.isEmpty { throw TLSSetupError("'\(path)' holds no certificate in PEM form") }
    }
}
