import Addressing
import Configuration
import HTTP
import HTTP1
import Telemetry

extension Exchange {
    /// Decides whether the request may go on: address lists, then the size of its body.
    mutating func admit() throws(Failure) {
        guard let policy = route?.route.policy else { return }
        if let access = policy.access, !access.allows(client.address) {
            if let series = route?.series {
                context.metrics.add(.clientsRefused, route: series)
            }
            throw .refused(.accessDenied)
        }
        if case .length(let length) = request.framing, let limit = policy.bodyLimit, length > limit
        {
            throw .refused(.bodyTooLarge)
        }
    }

    /// Whether a body of unknown length has grown past the route's limit.
    mutating func checkBodySize() throws(Failure) {
        guard let limit = route?.route.policy.bodyLimit else { return }
        if requestBody.contentBytes > limit { throw .refused(.bodyTooLarge) }
    }
}
