using System.Collections.Frozen;
using System.Globalization;
using System.Reflection;
using System.Text;

namespace Elt.Pipelines.Changes.Text;

/// <summary>
/// Whether two texts are the same after Unicode normalization (NFC; two texts have one NFC when they have one NFD, which is what is compared).
/// With InvariantGlobalization <see cref="string.Normalize()"/> leaves all text beyond ASCII as it is, and with ICU its answer is that of the machine's
/// version: the few tables that it takes are brought along, and each machine says the same. Characters newer than them are compared as they are.
/// </summary>
internal static class CanonicalText
{
    private const int FirstHangul = 0xAC00;
    private const int HangulSyllables = 11_172;

    private static readonly FrozenDictionary<int, int[]> Decompositions;
    private static readonly FrozenDictionary<int, int> Classes;

    static CanonicalText()
    {
        var decompositions = new Dictionary<int, int[]>();
        var classes = new Dictionary<int, int>();
        using var table = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream("Changes/Text/unicode.txt")!);
        while (table.ReadLine() is { } line)
        {
            if (line.StartsWith('#'))
                continue;
            if (line.Split(" = ") is [var character, var parts])
                decompositions[Hex(character)] = [.. parts.Split(' ').Select(Hex)];
            else if (line.Split(" : ") is [var range, var combiningClass] && range.Split("..") is [var first, var last])
            {
                for (var i = Hex(first); i <= Hex(last); i++)
                    classes[i] = int.Parse(combiningClass, CultureInfo.InvariantCulture);
            }
        }
        Decompositions = decompositions.ToFrozenDictionary();
        Classes = classes.ToFrozenDictionary();
    }

    /// <summary>Whether two texts mean the same characters; NULL is the same as NULL only.</summary>
    public static bool AreSame(string? left, string? right)
    {
        if (string.Equals(left, right, StringComparison.Ordinal))
            return true;
        if (left is null || right is null || (Ascii.IsValid(left) && Ascii.IsValid(right)))
            return false;
        return Decompose(left).SequenceEqual(Decompose(right));
    }

    private static List<int> Decompose(string text)
    {
        var points = new List<int>(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.Value is >= FirstHangul and < FirstHangul + HangulSyllables)
                AddHangul(points, rune.Value - FirstHangul);
            else if (Decompositions.TryGetValue(rune.Value, out var parts))
                points.AddRange(parts);
            else
                points.Add(rune.Value);
        }
        OrderMarks(points);
        return points;
    }

    // The Unicode Standard, 3.12: a syllable is a leading consonant, a vowel and maybe a trailing consonant.
    private static void AddHangul(List<int> points, int syllable)
    {
        points.Add(0x1100 + (syllable / 588));
        points.Add(0x1161 + (syllable % 588 / 28));
        if (syllable % 28 > 0)
            points.Add(0x11A7 + (syllable % 28));
    }

    // Marks that follow a character in a row are ordered by their class, those of one class stay in their order (OrderBy is stable).
    private static void OrderMarks(List<int> points)
    {
        for (var begin = 0; begin < points.Count; begin++)
        {
            var end = begin;
            while (end < points.Count && Classes.ContainsKey(points[end]))
                end++;
            if (end - begin < 2)
                continue;
            var ordered = points[begin..end].OrderBy(point => Classes[point]).ToList();
            for (var i = 0; i < ordered.Count; i++)
                points[begin + i] = ordered[i];
            begin = end;
        }
    }

    private static int Hex(string digits) => int.Parse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}
