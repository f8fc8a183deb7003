using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace Elt.Testing;

/// <summary>
/// A Postgres server for tests: a private cluster in a temporary folder, on a free port of the loopback address, without password.
/// It is stopped and removed when the test process ends, however it ends. With <c>ELT_TEST_POSTGRES</c> set (connection string of a
/// server where databases may be created) that server is used instead.
/// </summary>
public sealed class PostgresServer : IAsyncDisposable
{
    // The shell outlives a killed test process: its standard input closes then, and it clears away what it started.
    private const string Guardian =
        """
        trap '' INT HUP TERM
        "$BIN/initdb" -D "$DIR/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$DIR/log" 2>&1 \
          && "$BIN/pg_ctl" -D "$DIR/data" -w -t 60 -l "$DIR/log" -o "-p $PORT -h 127.0.0.1 -k '$DIR' -c fsync=$FSYNC -c max_connections=300 -c shared_preload_libraries='$PRELOAD'" start >>"$DIR/log" 2>&1 \
          && echo ready || { echo failed; cat "$DIR/log"; }
        while read -r command; do
          case "$command" in
            stop) "$BIN/pg_ctl" -D "$DIR/data" -w -m immediate stop >>"$DIR/log" 2>&1; echo done ;;
            start) "$BIN/pg_ctl" -D "$DIR/data" -w -t 60 -l "$DIR/log" -o "-p $PORT -h 127.0.0.1 -k '$DIR' -c fsync=$FSYNC -c max_connections=300 -c shared_preload_libraries='$PRELOAD'" start >>"$DIR/log" 2>&1; echo done ;;
          esac
        done
        "$BIN/pg_ctl" -D "$DIR/data" -w -m immediate stop >>"$DIR/log" 2>&1
        rm -rf "$DIR"
        """;

    private static readonly Lazy<Task<PostgresServer>> SharedServer = new(OpenSharedAsync);
    private static int _databases;

    private readonly string _connectionString;
    private readonly Process? _guardian;
    private readonly SemaphoreSlim _creating = new(1);

    private PostgresServer(string connectionString, Process? guardian)
    {
        _connectionString = connectionString;
        _guardian = guardian;
    }

    /// <summary>Creates a database on the server that all tests of this process share, and returns its connection string.</summary>
    /// <param name="template">Database to copy, for instance a migrated one; nobody may be connected to it. Default: an empty one.</param>
    public static async Task<string> CreateDatabaseAsync(string? template = null) =>
        await (await SharedServer.Value.ConfigureAwait(false)).NewDatabaseAsync(template).ConfigureAwait(false);

    /// <summary>Starts a server of its own, for a test that stops it or changes its settings. Dispose it.</summary>
    /// <param name="fsync">Whether commits reach the disk, as they do in production; tests are quicker without.</param>
    /// <param name="preload">Libraries that the server loads when it starts, such as <c>pg_stat_statements</c>. Default none.</param>
    /// <exception cref="InvalidOperationException">Postgres is not installed or does not start.</exception>
    public static async Task<PostgresServer> StartAsync(bool fsync = false, string preload = "")
    {
        const int Attempts = 3;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await StartOnceAsync(FreePort(), fsync, preload).ConfigureAwait(false);
            }
            catch (PortTakenException) when (attempt < Attempts)
            {
                // Between choosing a free port and using it another process was quicker.
            }
        }
    }

    /// <summary>Creates a database on this server and returns its connection string.</summary>
    /// <inheritdoc cref="CreateDatabaseAsync" path="/param"/>
    public async Task<string> NewDatabaseAsync(string? template = null)
    {
        var name = $"elt_test_{Environment.ProcessId}_{Interlocked.Increment(ref _databases)}";
        await _creating.WaitAsync().ConfigureAwait(false);
        try
        {
            // Copied file by file: half of the work of copying page by page through the log, which Postgres does else.
            await ExecuteAsync($"create database \"{name}\" template \"{template ?? "template1"}\" strategy file_copy").ConfigureAwait(false);
        }
        finally
        {
            _creating.Release();
        }
        return new NpgsqlConnectionStringBuilder(_connectionString) { Database = name }.ToString();
    }

    /// <summary>Stops the server as a crash does: without checkpoint, connections cut. Only for a server of one's own.</summary>
    public Task CrashAsync() => CommandAsync("stop");

    /// <summary>Starts a crashed server again on the same port; returns when it accepts connections.</summary>
    public Task RestartAsync() => CommandAsync("start");

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _creating.Dispose();
        if (_guardian is null)
            return;
        _guardian.StandardInput.Close();
        await _guardian.WaitForExitAsync().ConfigureAwait(false);
        _guardian.Dispose();
    }

    private static async Task<PostgresServer> OpenSharedAsync()
    {
        if (Environment.GetEnvironmentVariable("ELT_TEST_POSTGRES") is not { Length: > 0 } given)
            return await StartAsync().ConfigureAwait(false);
        var server = new PostgresServer(given, guardian: null);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => server.DropDatabases();
        return server;
    }

    private static async Task<PostgresServer> StartOnceAsync(int port, bool fsync, string preload)
    {
        var guardian = Process.Start(GuardianStart(port, fsync, preload)) ?? throw new InvalidOperationException("The shell that guards Postgres did not start.");
        if (await guardian.StandardOutput.ReadLineAsync().ConfigureAwait(false) == "ready")
            return new PostgresServer($"Host=127.0.0.1;Port={port};Username=postgres;Database=postgres", guardian);
        guardian.StandardInput.Close();
        var log = await guardian.StandardOutput.ReadToEndAsync().ConfigureAwait(false) + await guardian.StandardError.ReadToEndAsync().ConfigureAwait(false);
        guardian.Dispose();
        throw log.Contains("Address already in use", StringComparison.Ordinal)
            ? new PortTakenException()
            : new InvalidOperationException($"Postgres did not start. Its log: {log}");
    }

    private static ProcessStartInfo GuardianStart(int port, bool fsync, string preload)
    {
        var bin = PostgresBinaries.Find();
        var folder = Directory.CreateTempSubdirectory("elt-pg-").FullName;
        var start = new ProcessStartInfo { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        string[] command = ["/bin/sh", "-c", Guardian];
        // Postgres refuses to run as root.
        if (Environment.UserName == "root")
        {
            Process.Start("chown", ["postgres", folder]).WaitForExit();
            command = PostgresBinaries.InPath("setpriv") is { } setpriv
                ? [setpriv, "--reuid=postgres", "--regid=postgres", "--init-groups", .. command]
                : ["runuser", "-u", "postgres", "--", .. command];
        }
        start.FileName = command[0];
        foreach (var argument in command[1..])
            start.ArgumentList.Add(argument);
        start.WorkingDirectory = folder;
        start.Environment["BIN"] = bin;
        start.Environment["DIR"] = folder;
        start.Environment["FSYNC"] = fsync ? "on" : "off";
        start.Environment["PRELOAD"] = preload;
        start.Environment["PORT"] = port.ToString(System.Globalization.CultureInfo.InvariantCulture);
        return start;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private async Task CommandAsync(string command)
    {
        if (_guardian is null)
            throw new InvalidOperationException("Only a server that was started here can be stopped: use PostgresServer.StartAsync().");
        await _guardian.StandardInput.WriteLineAsync(command).ConfigureAwait(false);
        await _guardian.StandardInput.FlushAsync().ConfigureAwait(false);
        await _guardian.StandardOutput.ReadLineAsync().ConfigureAwait(false);
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(_connectionString);
        await connection.OpenAsync().ConfigureAwait(false);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync().ConfigureAwait(false);
    }

    private void DropDatabases()
    {
        NpgsqlConnection.ClearAllPools();
        using var connection = new NpgsqlConnection(_connectionString);
        connection.Open();
        for (var i = 1; i <= _databases; i++)
        {
            using var command = new NpgsqlCommand($"drop database if exists \"elt_test_{Environment.ProcessId}_{i}\" with (force)", connection);
            command.ExecuteNonQuery();
        }
    }

    private sealed class PortTakenException : Exception;
}
