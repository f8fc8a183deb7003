using Elt.Durable;

namespace Elt.Service.Api;

/// <summary>Statuses as filters spell them.</summary>
internal static class StatusFilter
{
    private static readonly RunStatus[] Unfinished = [RunStatus.Enqueued, RunStatus.Running, RunStatus.Waiting];

    /// <summary>One status, or all unfinished ones for <c>PENDING</c>.</summary>
    public static IReadOnlyList<RunStatus> Parse(string text)
    {
        if (text.Trim().Equals("PENDING", StringComparison.OrdinalIgnoreCase))
            return Unfinished;
        return RunStatusText.TryParse(text.Trim(), out var status)
            ? [status]
            : throw ProblemException.BadRequest(
                $"'status': there is no status '{text}'; expected PENDING, {string.Join(", ", Enum.GetValues<RunStatus>().Select(s => s.ToText()))}.", "status");
    }
}
