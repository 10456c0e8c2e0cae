import Configuration
import Limiting
import Telemetry

extension ServingSnapshot {
    /// What the limits of this configuration have decided and hold.
    var limitFigures: LimitFigures {
        var figures = LimitFigures()
        figures.rates = limitStore.rates.map { runtime in
            let table = limitStore.figures(of: runtime)
            var rate = LimitFigures.Rate(policy: runtime.limit.name, scope: runtime.limit.scope)
            rate.allowed = table.allowed
            rate.refused = table.refused
            rate.observed = table.observed
            rate.keys = table.keys
            rate.bytes = table.bytes
            rate.decayed = table.decayed
            rate.forgotten = table.forgotten
            return rate
        }.sorted { ($0.scope, $0.policy) < ($1.scope, $1.policy) }
        figures.gates = limitStore.gates.map { runtime in
            gate(runtime.table.figures, policy: runtime.limit.name, scope: runtime.limit.scope)
        }.sorted { ($0.scope, $0.policy) < ($1.scope, $1.policy) }
        figures.upstreams = upstreams.compactMap { upstream in
            guard let adaptive = upstream.gate else { return nil }
            var gate = gate(adaptive.figures, policy: upstream.configuration.name, scope: "")
            gate.limit = adaptive.limit
            return gate
        }
        return figures
    }

    private func gate(_ table: ConcurrencyFigures, policy: String, scope: String)
        -> LimitFigures.Gate
    {
        var gate = LimitFigures.Gate(policy: policy, scope: scope)
        gate.entered = table.entered
        gate.full = table.refused
        gate.timedOut = table.timedOut
        gate.inside = table.inside
        gate.waiting = table.waiting
        return gate
    }
}
