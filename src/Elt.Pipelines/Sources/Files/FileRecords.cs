using System.Text;

namespace Elt.Pipelines.Sources.Files;

/// <summary>Reads the records of a file one after another, from a position on.</summary>
/// <param name="where">What messages call the file.</param>
internal abstract class FileRecords(string where)
{
    /// <summary>A longer record is not taken, in bytes.</summary>
    protected const int MaxRecord = 1024 * 1024;

    private const int MaxRawOfOversized = 4096;

    /// <summary>Bytes of the file before the next record.</summary>
    public abstract long Offset { get; }

    /// <summary>Number of the next line or record, from 1.</summary>
    public long Line { get; protected set; } = 1;

    protected string Where => where;

    /// <summary>What <see cref="Line"/> counts, as messages begin with it.</summary>
    protected virtual string Unit => "Line";

    /// <summary>The next record; what cannot be read is one with its problem. <see langword="null"/> at the end of the file.</summary>
    /// <exception cref="SourceException">The file does not end where it should, or is no such file at all.</exception>
    public abstract SourceRecord? Next();

    /// <summary>A record that cannot be read.</summary>
    protected SourceRecord Bad(long line, ReadOnlySpan<byte> raw, string why) => new(null, [])
    {
        Raw = TextOf(raw.Length > MaxRecord ? raw[..MaxRawOfOversized] : raw),
        Problems = [new RecordProblem("line", null, $"{Unit} {line}: {why}")],
    };

    /// <summary>A record that was read, with its place in the problems it has.</summary>
    protected SourceRecord Located(SourceRecord record, long line)
    {
        if (record.ExternalId is null)
            return record with { Problems = [.. Located(record.Problems, line), new RecordProblem("line", null, $"{Unit} {line} has no key that can be used.")] };
        return record.Problems.Count == 0 ? record : record with { Problems = Located(record.Problems, line) };
    }

    /// <summary>The file, or what is left of it, is not what it should be; nothing of it is applied.</summary>
    protected SourceException Unreadable(string why, Exception? inner = null) => new(SourceErrorClass.Data, $"{where} {why}", inner: inner);

    /// <summary>The file breaks off.</summary>
    protected SourceException Cut(string how) => Unreadable($"is cut off: {how}. Provide the whole file.");

    /// <summary>Text that can be stored: bytes that are not UTF-8, and NUL, become U+FFFD.</summary>
    protected static string TextOf(ReadOnlySpan<byte> raw) => Encoding.UTF8.GetString(raw).Replace('\0', '\uFFFD');

    private List<RecordProblem> Located(IEnumerable<RecordProblem> problems, long line) =>
        [.. problems.Select(problem => problem with { Message = $"{Unit} {line}: {problem.Message}" })];
}
