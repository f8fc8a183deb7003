using Npgsql;

namespace Elt.Durable.Journal.Postgres;

/// <summary>
/// Notifications that work is due, on a connection of their own. Only a shortcut for the poll: while they cannot be had (a pooler in between, a lost
/// connection), waiting simply lasts until the caller's own time is over.
/// </summary>
internal sealed class PostgresHints(NpgsqlDataSource dataSource) : IAsyncDisposable
{
    /// <summary>Tells all workers that there may be something to claim; at most once per commit.</summary>
    public const string NotifyWork = "select pg_notify('durable_work', 'due')";

    /// <summary>Tells all workers that runs which they execute may have been woken or ended; at most once per commit.</summary>
    public const string NotifyWoken = "select pg_notify('durable_work', 'woken')";

    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _hinted = new(0, 1);
    private readonly CancellationTokenSource _stop = new();
    private Task? _listening;
    private int _hints;

    /// <summary>Waits for a notification; one that came since the last call counts. For one caller at a time.</summary>
    public async Task<JournalHint> WaitAsync(CancellationToken ct)
    {
        _listening ??= Task.Run(ListenAsync, CancellationToken.None);
        await _hinted.WaitAsync(ct).ConfigureAwait(false);
        return (JournalHint)Interlocked.Exchange(ref _hints, 0);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        if (_listening is not null)
            await _listening.ConfigureAwait(false);
    }

    private async Task ListenAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await using var connection = await dataSource.OpenConnectionAsync(_stop.Token).ConfigureAwait(false);
                connection.Notification += (_, e) => Hint(e.Payload == "woken" ? JournalHint.RunsAreWoken : JournalHint.WorkIsDue);
                await using var command = new NpgsqlCommand("listen durable_work", connection);
                await command.ExecuteNonQueryAsync(_stop.Token).ConfigureAwait(false);
                // What was said before, while nobody listened, is looked for.
                Hint(JournalHint.WorkIsDue | JournalHint.RunsAreWoken);
                try
                {
                    // The driver can lose a cancellation that comes while its wait begins, and would wait for ever.
                    while (!_stop.IsCancellationRequested)
                        await connection.WaitAsync(LongestWait, _stop.Token).ConfigureAwait(false);
                }
                finally
                {
                    // It must not go back to the pool listening.
                    NpgsqlConnection.ClearPool(connection);
                }
            }
            catch (Exception e) when (e is NpgsqlException or IOException or OperationCanceledException)
            {
                // The poll finds what is missed meanwhile.
                await Task.Delay(PauseAfterFailure, TimeProvider.System, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private void Hint(JournalHint hint)
    {
        Interlocked.Or(ref _hints, (int)hint);
        if (_hinted.CurrentCount == 0)
            _hinted.Release();
    }
}
