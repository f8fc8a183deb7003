using System.Diagnostics;
using System.Text.Json;

namespace Elt.Benchmarks.Scale;

/// <summary>How long something took, in milliseconds.</summary>
/// <param name="Journal">Where.</param>
/// <param name="What">What.</param>
/// <param name="Rows">Rows that each round returned or changed.</param>
/// <param name="Rounds">How often it was measured.</param>
/// <param name="P50Ms">Median.</param>
/// <param name="P99Ms">99 of 100 rounds were at most this.</param>
internal sealed record Figure(string Journal, string What, int Rows, int Rounds, double P50Ms, double P99Ms);

/// <summary>Takes times and prints them, a line each.</summary>
internal sealed class Reporter(string journal, bool json)
{
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>Measures a call that returns how many rows it had; the first round only warms up.</summary>
    public async Task MeasureAsync(string what, int rounds, Func<Task<int>> call)
    {
        await call();
        var times = new List<double>();
        var rows = 0;
        for (var i = 0; i < rounds; i++)
        {
            var begun = Stopwatch.GetTimestamp();
            rows = await call();
            times.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
        }
        Print(what, rows, times);
    }

    public void Print(string what, int rows, IEnumerable<double> milliseconds)
    {
        var times = milliseconds.Order().ToList();
        var figure = new Figure(journal, what, rows, times.Count, Math.Round(times[times.Count / 2], 3), Math.Round(times[(int)(times.Count * 0.99)], 3));
        Print(figure, $"{figure.Journal,-8} {figure.What,-52} p50 {figure.P50Ms,10:N2} ms  p99 {figure.P99Ms,10:N2} ms  {figure.Rows,7:N0} rows, {figure.Rounds:N0} rounds");
    }

    public void Print<T>(T figures, string text) => Console.WriteLine(json ? JsonSerializer.Serialize(figures, Json) : text);
}
