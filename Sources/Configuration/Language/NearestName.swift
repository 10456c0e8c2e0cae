/// The name that was probably meant.
/// - Parameters:
///   - typed: What stands in the file.
///   - known: What could stand there.
/// - Returns: The nearest of the known names, if it is near enough to be a slip of the hand: one
///   wrong, missing, extra or swapped letter in three.
func nearestName(to typed: String, among known: some Sequence<String>) -> String? {
    // Longer ones are no slip of the hand, and the distance costs the product of the lengths.
    guard typed.utf8.count <= 64 else { return nil }
    let letters = Array(typed.lowercased().utf8)
    var best: (name: String, distance: Int)?
    for name in known {
        let other = Array(name.lowercased().utf8)
        let allowed = max(1, max(letters.count, other.count) / 3)
        let distance = editDistance(letters, other)
        if distance <= allowed, distance < best?.distance ?? .max { best = (name, distance) }
    }
    return best?.name
}

/// `did you mean 'burst'?` where there is something near.
func suggestion(for typed: String, among known: some Sequence<String>) -> String? {
    nearestName(to: typed, among: known).map { "did you mean '\($0)'?" }
}

/// Letters to change, leave out, put in, or swap with their neighbour.
private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var beforeLast = [Int](repeating: 0, count: right.count + 1)
    var last = Array(0...right.count)
    for row in 1..<(left.count + 1) {
        var current = [row]
        for column in 1..<(right.count + 1) {
            let isSame = left[row - 1] == right[column - 1]
            var cost = min(
                last[column] + 1,
                current[column - 1] + 1,
                last[column - 1] + (isSame ? 0 : 1)
            )
            if row > 1, column > 1, left[row - 1] == right[column - 2],
                left[row - 2] == right[column - 1]
            {
                cost = min(cost, beforeLast[column - 2] + 1)
            }
            current.append(cost)
        }
        beforeLast = last
        last = current
    }
    return last[right.count]
}
