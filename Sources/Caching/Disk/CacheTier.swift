/// What stands behind the memory and is told of every change to it, before memory makes it.
///
/// Before, because the tier puts into memory what it finds: told first, it drops what it is just
/// finding, and what it had put in already memory removes itself.
package protocol CacheTier: AnyObject, Sendable {
    /// A response is stored, in the place of what the tier has of its key and Vary values.
    func store(_ object: CachedResponse)

    /// A response has got a form in a coding: what the tier has of it gets it too, if it is still
    /// the same.
    func amend(_ object: CachedResponse)

    /// A response whose content stands in a file answers otherwise for a while: only in memory, and
    /// only if the tier still has it.
    func replace(_ old: CachedResponse, by new: CachedResponse)

    /// One response, with its Vary values, is removed.
    func remove(_ object: CachedResponse)

    /// Everything of a key is removed.
    ///
    /// Returns How many responses, as far as is known.
    func invalidate(_ key: Span<UInt8>) -> Int

    /// What a purge means is removed, or becomes stale; not called on a loop.
    ///
    /// Returns once the purge would outlive the process.
    func purge(_ purge: Purge, isSoft: Bool, now: Int64)
}
