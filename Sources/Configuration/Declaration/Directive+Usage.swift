extension Directive {
    /// How it is written, on one line.
    var usageLine: String {
        var parts = [name]
        if let usage {
            parts.append(usage)
        } else {
            for argument in arguments {
                switch argument.count {
                case .one: parts.append(argument.name)
                case .optional: parts.append("[\(argument.name)]")
                case .oneOrMore: parts.append("\(argument.name)…")
                case .any: parts.append("[\(argument.name)…]")
                }
            }
        }
        for option in options {
            parts.append(option.kind.isFlag ? "[\(option.name)]" : "[\(option.name)=…]")
        }
        if block != nil { parts.append("{ … }") }
        return parts.joined(separator: " ")
    }
}
