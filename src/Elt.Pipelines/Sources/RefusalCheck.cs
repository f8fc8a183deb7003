using System.Globalization;
using Elt.Pipelines.Sources.Budgets;
using Elt.Pipelines.Sources.Manifests;

namespace Elt.Pipelines.Sources;

/// <summary>Decides what an answer means: the connector's rules first, in their order, then what HTTP says.</summary>
internal sealed class RefusalCheck(TimeProvider time)
{
    // A reset that is over, or a clock that differs, must not turn retries into hammering.
    private static readonly TimeSpan LeastWait = TimeSpan.FromSeconds(1);

    // More than are in flight at once: before so many are left, nobody has to count along.
    private const double FewLeft = 50;

    /// <summary>The error that an answer is, or <see langword="null"/> when it is a page.</summary>
    public SourceException? Refusal(SourceAnswer answer, Manifest manifest, string where)
    {
        for (var i = 0; i < manifest.Errors.Count; i++)
        {
            if (Fits(manifest.Errors[i], answer))
                return Error(manifest.Errors[i].Class, $"{where} answered {answer.Status}, {Meaning(manifest.Errors[i].Class)}", answer, manifest);
        }
        return answer.Status is >= 200 and < 300 ? answer.Unreadable : Default(answer, manifest, $"{where} answered {answer.Status}");
    }

    /// <summary>Whether an answer is what a rule describes.</summary>
    public static bool Fits(AnswerMatch rule, SourceAnswer answer)
    {
        if (rule.Status is { } status && status != answer.Status)
            return false;
        if (rule.Path is not null)
        {
            return JsonPointer.Find(answer.Body, rule.Path).AsText().Fits(rule.Values)
                && (rule.Header is null || answer.Header(rule.Header) is not null);
        }
        return rule.Header is null ? rule.Status is not null : answer.Header(rule.Header).Fits(rule.Values);
    }

    /// <summary>What an answer says of the provider's count, when few requests are left; else <see langword="null"/>.</summary>
    public ProviderWindow? Window(SourceAnswer answer, RateLimitRule? rule)
    {
        if (rule?.RemainingHeader is null || Number(answer.Header(rule.RemainingHeader)) is not { } remaining)
            return null;
        var few = Math.Max(FewLeft, Number(rule.LimitHeader is null ? null : answer.Header(rule.LimitHeader)) / 10 ?? 0);
        return remaining <= few && UntilReset(answer, rule) is { } wait && wait > TimeSpan.Zero
            ? new ProviderWindow((long)remaining, wait)
            : null;
    }

    private SourceException Default(SourceAnswer answer, Manifest manifest, string answered) => answer.Status switch
    {
        408 or 504 => Error(SourceErrorClass.Timeout, $"{answered}. Check that the source is up.", answer, manifest),
        429 => Error(SourceErrorClass.RateLimit, $"{answered}: too many requests.", answer, manifest),
        401 or 403 => Error(SourceErrorClass.Auth, $"{answered}: renew the integration's credentials or its permissions.", answer, manifest),
        404 or 410 => Error(SourceErrorClass.Permanent, $"{answered}: correct the integration's api_endpoint.", answer, manifest),
        >= 300 and < 400 => Error(
            SourceErrorClass.Permanent, $"{answered}, and redirects are not followed: set api_endpoint to the final address.", answer, manifest),
        >= 500 => Error(SourceErrorClass.Network, $"{answered}. Check that the source is up.", answer, manifest),
        _ => Error(SourceErrorClass.Data, $"{answered}: the source does not understand the request. Check api_endpoint and page_size.", answer, manifest),
    };

    private static string Meaning(SourceErrorClass errorClass) => errorClass switch
    {
        SourceErrorClass.RateLimit => "which means: too many requests.",
        SourceErrorClass.Auth => "which means: renew the integration's credentials or its permissions.",
        SourceErrorClass.ExpiredCursor => "which means: the place in the list has expired. The next run reads anew.",
        SourceErrorClass.Network or SourceErrorClass.Timeout => "which means: try again later.",
        _ => "which the connector calls an error.",
    };

    private SourceException Error(SourceErrorClass errorClass, string message, SourceAnswer answer, Manifest manifest) =>
        new(errorClass, message, errorClass is SourceErrorClass.RateLimit or SourceErrorClass.Network ? StatedWait(answer, manifest.RateLimit) : null);

    private TimeSpan? StatedWait(SourceAnswer answer, RateLimitRule? rule)
    {
        var stated = answer.Header(rule?.RetryAfterHeader ?? RateLimitRule.RetryAfter) is { } retryAfter ? Delta(retryAfter) ?? UntilDate(retryAfter) : null;
        stated ??= UntilReset(answer, rule);
        return stated < LeastWait ? LeastWait : stated;
    }

    private TimeSpan? UntilReset(SourceAnswer answer, RateLimitRule? rule) =>
        rule?.ResetHeader is { } header && answer.Header(header) is { } reset ? UntilReset(reset, rule.ResetIs!.Value) : null;

    private TimeSpan? UntilReset(string reset, ResetFormat format) => format switch
    {
        ResetFormat.EpochSeconds => Number(reset) is { } seconds ? Until(seconds * 1000) : null,
        ResetFormat.EpochMillis => Number(reset) is { } millis ? Until(millis) : null,
        ResetFormat.DeltaSeconds => Delta(reset),
        _ => UntilDate(reset),
    };

    private TimeSpan Until(double epochMillis) =>
        TimeSpan.FromMilliseconds(Math.Clamp(epochMillis - time.GetUtcNow().ToUnixTimeMilliseconds(), 0, TimeSpan.FromDays(1).TotalMilliseconds));

    private TimeSpan? UntilDate(string text) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var date) ? date - time.GetUtcNow() : null;

    private static TimeSpan? Delta(string text) =>
        Number(text) is { } seconds ? TimeSpan.FromSeconds(Math.Min(seconds, TimeSpan.FromDays(1).TotalSeconds)) : null;

    private static double? Number(string? text) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) ? number : null;
}
