using System.Data.Common;
using Elt.Service.Api;

namespace Elt.Service.Hosting;

/// <summary>A part of the service whose health can be asked for.</summary>
/// <param name="Name">Its name in the report.</param>
/// <param name="CheckAsync"><see langword="null"/> when it is well, else why not. What it throws of a database counts as not well.</param>
internal sealed record HealthPart(string Name, Func<CancellationToken, Task<string?>> CheckAsync);

/// <summary>Asks all parts at once, none for long.</summary>
internal sealed class HealthReport(IEnumerable<HealthPart> parts, TimeProvider time)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);
    private readonly long _begun = time.GetTimestamp();

    public async Task<HealthView> MakeAsync(Func<string, bool> includes, CancellationToken ct)
    {
        var checks = await Task.WhenAll(parts.Where(part => includes(part.Name)).Select(part => CheckAsync(part, ct)));
        var status = checks.All(check => check.Status == "ok") ? "ok" : "failed";
        return new HealthView(status, ServiceVersion.Text, Math.Round(time.GetElapsedTime(_begun).TotalSeconds, 1), checks);
    }

    private async Task<CheckView> CheckAsync(HealthPart part, CancellationToken ct)
    {
        var begun = time.GetTimestamp();
        var reason = await ReasonAsync(part, ct);
        return new CheckView(part.Name, reason is null ? "ok" : "failed", reason, Math.Round(time.GetElapsedTime(begun).TotalMilliseconds, 1));
    }

    private async Task<string?> ReasonAsync(HealthPart part, CancellationToken ct)
    {
        using var timeout = new CancellationTokenSource(Limit, time);
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(ct, timeout.Token);
        try
        {
            // Some drivers do not look at the token while they connect.
            return await Task.Run(() => part.CheckAsync(limited.Token), limited.Token).WaitAsync(limited.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return $"No answer within {Limit.TotalSeconds:0} s.";
        }
        catch (Exception e) when (e is DbException or IOException or UnauthorizedAccessException or TimeoutException)
        {
            return StartErrors.Describe(e) ?? e.Message;
        }
    }
}
