using System.Globalization;

namespace Elt.Pipelines.Sources;

/// <summary>Which page of a connector's slices: the opaque cursor between two page steps. It holds the source's own token or address, no secrets.</summary>
/// <param name="Slice">Number of the slice, from 0.</param>
/// <param name="Page">The page's name in it; <see langword="null"/> for the first.</param>
internal sealed record PagePosition(int Slice, string? Page)
{
    /// <summary>A longer cursor is refused.</summary>
    public const int MaxLength = 8 * 1024;

    /// <summary>Reads what <see cref="ToString"/> wrote.</summary>
    public static PagePosition Parse(string cursor)
    {
        var colon = cursor.IndexOf(':', StringComparison.Ordinal);
        var slice = int.Parse(colon < 0 ? cursor : cursor.AsSpan(0, colon), CultureInfo.InvariantCulture);
        return new PagePosition(slice, colon < 0 ? null : cursor[(colon + 1)..]);
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Slice}{(Page is null ? "" : ":")}{Page}");
}
