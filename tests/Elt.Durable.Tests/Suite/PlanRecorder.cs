using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Elt.Durable.Tests.Suite;

/// <summary>A scan of a table as Postgres executed it.</summary>
/// <param name="Statement">Text of the statement it was part of.</param>
/// <param name="Node">Kind of the plan's node.</param>
/// <param name="Table">The table.</param>
/// <param name="Rows">Rows that were looked at, those that a filter removed included.</param>
internal sealed record PlannedScan(string Statement, string Node, string Table, double Rows);

/// <summary>The plans of the very statements that are executed: the server explains each (auto_explain) to its client, whose log this is.</summary>
internal sealed class PlanRecorder : ILoggerProvider, ILogger
{
    private readonly ConcurrentQueue<PlannedScan> _scans = [];

    public IReadOnlyCollection<PlannedScan> Scans => _scans;

    /// <summary>Connections whose plans are recorded; their user must be a superuser.</summary>
    public NpgsqlDataSource Connect(string connectionString)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString)
        {
            MaxAutoPrepare = 50,
            Options = string.Join(' ', new[]
            {
                "session_preload_libraries=auto_explain", "auto_explain.log_min_duration=0", "auto_explain.log_format=json", "auto_explain.log_level=notice",
                "auto_explain.log_analyze=on", "auto_explain.log_timing=off",
            }.Select(option => $"-c {option}")),
        };
        var builder = new NpgsqlDataSourceBuilder(settings.ToString());
        builder.UseLoggerFactory(LoggerFactory.Create(logging => logging.SetMinimumLevel(LogLevel.Debug).AddProvider(this)));
        return builder.Build();
    }

    public void Clear() => _scans.Clear();

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel == LogLevel.Debug;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        var message = formatter(state, exception);
        if (message.IndexOf("plan:\n{", StringComparison.Ordinal) is > 0 and var start)
        {
            using var plan = JsonDocument.Parse(message[(start + "plan:\n".Length)..].Trim());
            Take(plan.RootElement.GetProperty("Query Text").GetString()!, plan.RootElement.GetProperty("Plan"));
        }
    }

    public void Dispose()
    {
    }

    private void Take(string statement, JsonElement node)
    {
        double Number(string name) => node.TryGetProperty(name, out var value) ? value.GetDouble() : 0;
        if (node.GetProperty("Node Type").GetString() is { } type && type != "ModifyTable" && node.TryGetProperty("Relation Name", out var table))
        {
            var rows = Number("Actual Loops") * (Number("Actual Rows") + Number("Rows Removed by Filter") + Number("Rows Removed by Index Recheck"));
            _scans.Enqueue(new(statement, type, table.GetString()!, rows));
        }
        if (node.TryGetProperty("Plans", out var children))
        {
            foreach (var child in children.EnumerateArray())
                Take(statement, child);
        }
    }
}
