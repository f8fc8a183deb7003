using System.Globalization;
using System.Text.Json;

namespace Elt.Cli.Output;

/// <summary>A column of a table.</summary>
/// <param name="Title">Its heading.</param>
/// <param name="Value">The cell of an item.</param>
/// <param name="Whole">Never wrapped nor cut: ids, times, numbers.</param>
/// <param name="Right">Aligned to the right: numbers.</param>
internal sealed record Column<T>(string Title, Func<T, string?> Value, bool Whole = false, bool Right = false);

/// <summary>How values are shown to people.</summary>
internal static class CellText
{
    public static string Time(DateTimeOffset? time) =>
        time?.ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) ?? "";

    public static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    public static string Elapsed(DateTimeOffset from, DateTimeOffset? to) =>
        to is not { } end ? "" : (end - from) switch
        {
            { TotalSeconds: < 1 } short_ => string.Create(CultureInfo.InvariantCulture, $"{short_.TotalMilliseconds:0} ms"),
            { TotalMinutes: < 1 } middle => string.Create(CultureInfo.InvariantCulture, $"{middle.TotalSeconds:0.0} s"),
            var long_ => string.Create(CultureInfo.InvariantCulture, $"{(int)long_.TotalHours}:{long_:mm\\:ss}"),
        };

    public static string Json(JsonElement? value) => value switch
    {
        null or { ValueKind: JsonValueKind.Null or JsonValueKind.Undefined } => "",
        { ValueKind: JsonValueKind.String } text => text.GetString()!,
        { } other => other.GetRawText(),
    };
}
