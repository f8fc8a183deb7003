using System.Collections.Concurrent;
using System.Globalization;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Extract;

/// <summary>
/// A circuit breaker per integration. After so many pages in a row that failed for good, by the network or the server, the integration is left alone for a
/// while; then one request decides. Kept in the warehouse's table <c>source_circuits</c>, so a restart does not forget it; a circuit in which nothing
/// failed costs no statement.
/// </summary>
internal sealed class SourceCircuits(WarehouseFile warehouse, SourceOptions options, TimeProvider time)
{
    private readonly ConcurrentDictionary<IntegrationKey, Circuit> _circuits = new();

    /// <summary>Asks an integration, unless its circuit is open.</summary>
    /// <param name="integration">The integration.</param>
    /// <param name="ask">The request.</param>
    /// <param name="isGivenUp">Whether its page fails for good by an error.</param>
    /// <param name="ct">Ends the wait for the warehouse's writer.</param>
    /// <exception cref="CircuitOpenException">It is not asked.</exception>
    public async Task<T> AskAsync<T>(IntegrationKey integration, Func<Task<T>> ask, Func<SourceException, bool> isGivenUp, CancellationToken ct)
    {
        var circuit = _circuits.GetOrAdd(integration, Read);
        var isTrial = Enter(integration, circuit);
        try
        {
            var answer = await ask().ConfigureAwait(false);
            if (circuit.Close())
                await WriteAsync(integration, circuit, ct).ConfigureAwait(false);
            return answer;
        }
        catch (SourceException e) when (e.ErrorClass is SourceErrorClass.Network or SourceErrorClass.Timeout)
        {
            if (isTrial || isGivenUp(e))
            {
                circuit.Fail(e.Message, options.CircuitFailures, time.GetUtcNow() + options.CircuitCoolDown);
                await WriteAsync(integration, circuit, ct).ConfigureAwait(false);
            }
            throw;
        }
        catch (SourceException) when (circuit.Close())
        {
            // Whatever it says, it answers.
            await WriteAsync(integration, circuit, ct).ConfigureAwait(false);
            throw;
        }
        finally
        {
            if (isTrial)
                circuit.EndTrial();
        }
    }

    private bool Enter(IntegrationKey integration, Circuit circuit) => circuit.Enter(time.GetUtcNow()) switch
    {
        Passage.Free => false,
        Passage.Trial => true,
        _ => throw Refused(integration, circuit.State),
    };

    private static CircuitOpenException Refused(IntegrationKey integration, (int FailedPages, DateTimeOffset? OpenUntil, string LastError) state) => new(
        $"circuit_open: {integration} is not asked before {state.OpenUntil?.ToStored()}, since {state.FailedPages} pages in a row failed; "
        + $"then one request decides. The last failure: {state.LastError}");

    private Circuit Read(IntegrationKey integration)
    {
        using var connection = warehouse.Database.OpenRead();
        using var command = connection.Command(
            "select failed_pages, open_until, last_error from source_circuits where organization_id = $org and connected_integration_id = $integration",
            ("$org", integration.OrganizationId), ("$integration", integration.ConnectedIntegrationId));
        using var row = command.ExecuteReader();
        return row.Read()
            ? new Circuit(row.GetInt32(0), row.Text(1) is { } until ? DateTimeOffset.Parse(until, CultureInfo.InvariantCulture) : null, row.GetString(2))
            : new Circuit(0, null, "");
    }

    // What is written is the state at that time: of two writes the later one is never the older state.
    private Task<int> WriteAsync(IntegrationKey integration, Circuit circuit, CancellationToken ct) => warehouse.Database.WriteAsync(
        transaction =>
        {
            (string, object?)[] key = [("$org", integration.OrganizationId), ("$integration", integration.ConnectedIntegrationId)];
            var (failedPages, openUntil, lastError) = circuit.State;
            return failedPages == 0
                ? transaction.Execute("delete from source_circuits where organization_id = $org and connected_integration_id = $integration", key)
                : transaction.Execute(
                    """
                    insert into source_circuits (organization_id, connected_integration_id, failed_pages, open_until, last_error)
                    values ($org, $integration, $failed, $until, $error)
                    on conflict (organization_id, connected_integration_id) do update
                      set failed_pages = excluded.failed_pages, open_until = excluded.open_until, last_error = excluded.last_error
                    """,
                    [.. key, ("$failed", failedPages), ("$until", openUntil?.ToStored()), ("$error", lastError)]);
        },
        ct);

    private enum Passage
    {
        Free,
        Trial,
        Refused,
    }

    /// <summary>The state of one circuit, for any number of threads.</summary>
    private sealed class Circuit(int failedPages, DateTimeOffset? openUntil, string lastError)
    {
        private readonly Lock _gate = new();
        private (int FailedPages, DateTimeOffset? OpenUntil, string LastError) _state = (failedPages, openUntil, lastError);
        private bool _isTrying;

        public (int FailedPages, DateTimeOffset? OpenUntil, string LastError) State
        {
            get
            {
                lock (_gate)
                    return _state;
            }
        }

        public Passage Enter(DateTimeOffset now)
        {
            lock (_gate)
            {
                if (_state.OpenUntil is not { } until)
                    return Passage.Free;
                if (now < until || _isTrying)
                    return Passage.Refused;
                _isTrying = true;
                return Passage.Trial;
            }
        }

        public void EndTrial()
        {
            lock (_gate)
                _isTrying = false;
        }

        public void Fail(string error, int most, DateTimeOffset openUntil)
        {
            lock (_gate)
                _state = (_state.FailedPages + 1, _state.OpenUntil is not null || _state.FailedPages + 1 >= most ? openUntil : null, error);
        }

        /// <summary>Forgets the failures; returns whether there were any.</summary>
        public bool Close()
        {
            lock (_gate)
            {
                var hadFailed = _state.FailedPages > 0;
                _state = (0, null, "");
                return hadFailed;
            }
        }
    }
}

/// <summary>An integration failed so often in a row that it is left alone for a while.</summary>
/// <param name="message">Until when, and by what it failed.</param>
public sealed class CircuitOpenException(string message) : Exception(message);
