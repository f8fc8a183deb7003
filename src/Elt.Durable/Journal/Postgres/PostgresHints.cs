using Npgsql;

namespace Elt.Durable.Journal.Postgres;

/// <summary>
/// Notifications that work is due, on a connection of their own. Only a shortcut for the poll: where they fail (a pooler in between, a lost connection),
/// waiting simply lasts until the caller's own time is over.
/// </summary>
internal sealed class PostgresHints(NpgsqlDataSource dataSource) : IAsyncDisposable
{
    /// <summary>Tells all workers that there may be something to claim; at most once per commit.</summary>
    public const string Notify = "select pg_notify('durable_work', '')";

    private NpgsqlConnection? _listener;

    public async Task WaitAsync(CancellationToken ct)
    {
        try
        {
            _listener ??= await ListenAsync(ct).ConfigureAwait(false);
            await _listener.WaitAsync(ct).ConfigureAwait(false);
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException or IOException)
        {
            await DisposeAsync().ConfigureAwait(false);
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        catch (OperationCanceledException)
        {
            // The caller has something to do; the listener stays.
        }
    }

    public async ValueTask DisposeAsync()
    {
        var listener = Interlocked.Exchange(ref _listener, null);
        if (listener is not null)
            await listener.DisposeAsync().ConfigureAwait(false);
    }

    private async Task<NpgsqlConnection> ListenAsync(CancellationToken ct)
    {
        var connection = await dataSource.OpenConnectionAsync(ct).ConfigureAwait(false);
        try
        {
            await using var command = new NpgsqlCommand("listen durable_work", connection);
            await command.ExecuteNonQueryAsync(ct).ConfigureAwait(false);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }
}
