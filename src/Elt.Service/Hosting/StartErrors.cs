using System.Net.Sockets;
using Elt.Durable;
using Elt.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Elt.Service.Hosting;

/// <summary>Says in one line why the service, or a part of it, cannot be used. The one place that knows what drivers and servers throw.</summary>
internal static class StartErrors
{
    /// <returns><see langword="null"/> for errors that are nobody's setting: those are bugs, and their stack is wanted.</returns>
    public static string? Describe(Exception error) => error switch
    {
        StartException or JournalException or PipelineSetupException => error.Message,
        IOException { InnerException: AddressInUseException } =>
            $"{error.Message.TrimEnd('.')}. End what listens there, or choose another one.",
        SocketException { SocketErrorCode: SocketError.AccessDenied } => "The address may not be listened on by this user; choose a port from 1024.",
        PostgresException or NpgsqlException => DescribePostgres(error),
        SqliteException { SqliteErrorCode: 26 } => $"A file in the data directory is not a SQLite database ({error.Message}). Name another directory with --data.",
        SqliteException => error.Message,
        UnauthorizedAccessException or IOException => error.Message,
        AggregateException { InnerException: { } inner } => Describe(inner),
        _ => null,
    };

    /// <summary>Opens a connection once, so that a wrong setting is told before anything runs.</summary>
    /// <exception cref="StartException">The server refuses or does not answer; names host, port, database and user, never the password.</exception>
    public static async Task ProbePostgresAsync(NpgsqlConnectionStringBuilder? settings, string name, CancellationToken ct)
    {
        if (settings is null)
            return;
        try
        {
            await using var connection = new NpgsqlConnection(settings.ConnectionString);
            await connection.OpenAsync(ct);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or SocketException or IOException)
        {
            throw new StartException($"{name} ({PostgresConnection.Describe(settings)}): {DescribePostgres(e)}");
        }
    }

    /// <summary>Makes the data directory and writes into it once.</summary>
    /// <exception cref="StartException">It cannot be made or written.</exception>
    public static void ProbeData(string directory)
    {
        try
        {
            Directory.CreateDirectory(directory);
            using var probe = new FileStream(
                Path.Combine(directory, $".probe-{Environment.ProcessId}"), FileMode.Create, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
            probe.WriteByte(0);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartException($"The data directory '{directory}' cannot be written: {e.Message} Name another one with --data.");
        }
    }

    private static string DescribePostgres(Exception error) => error switch
    {
        PostgresException { SqlState: PostgresErrorCodes.InvalidPassword } => "the server refuses the password.",
        PostgresException { SqlState: PostgresErrorCodes.InvalidAuthorizationSpecification } refused => $"the server refuses the user: {refused.MessageText}.",
        PostgresException { SqlState: PostgresErrorCodes.InvalidCatalogName } => "there is no such database.",
        PostgresException other => $"Postgres says: {other.MessageText} ({other.SqlState}).",
        { InnerException: TimeoutException } or TimeoutException => "the server does not answer in time.",
        { InnerException: SocketException socket } => $"the server is not reachable: {socket.Message}.",
        _ => error.Message,
    };
}

/// <summary>The service cannot start as it is set up.</summary>
internal sealed class StartException(string message) : Exception(message);
