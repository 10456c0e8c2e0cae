extension Directive {
    /// Carried out by `Loader`, before directives are looked at; declared here for the reference.
    static let include = Directive(
        name: "include",
        contexts: Context.allCases,
        repetition: .many,
        arguments: [
            Argument(
                "PATH",
                .text,
                "a file, or a pattern with `*`, `?` and `[…]`; relative to the file it stands in"
            )
        ],
        summary: "Reads other files in its place.",
        help: """
            Files of a pattern are read in the order of their names. A pattern that fits no file \
            is a warning, a path without one an error. Files include each other at most 10 deep.
            """,
        example: .top("include sites/*.conf"),
        effect: .set { _, _ in }
    )
}
