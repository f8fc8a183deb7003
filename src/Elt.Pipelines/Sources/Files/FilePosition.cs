using System.Globalization;

namespace Elt.Pipelines.Sources.Files;

/// <summary>Where in which content of a file the next page begins: the opaque cursor between two page steps.</summary>
/// <param name="Offset">Bytes before it, unpacked.</param>
/// <param name="Line">Number of the next line, or of the next record of a JSON document; from 1.</param>
/// <param name="Identity">What tells the content from any other.</param>
internal sealed record FilePosition(long Offset, long Line, string Identity)
{
    /// <summary>Reads what <see cref="ToString"/> wrote.</summary>
    public static FilePosition Parse(string cursor)
    {
        var parts = cursor.Split(':', 3);
        return new FilePosition(long.Parse(parts[0], CultureInfo.InvariantCulture), long.Parse(parts[1], CultureInfo.InvariantCulture), parts[2]);
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Offset}:{Line}:{Identity}");
}
