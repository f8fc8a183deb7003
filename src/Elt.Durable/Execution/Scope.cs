using System.Security.Cryptography;
using System.Text;

namespace Elt.Durable.Execution;

/// <summary>A namespace of step names: the run itself, or an item of a map. Not thread-safe: its execution guards it.</summary>
internal sealed class Scope(string path, DateTimeOffset now)
{
    private int _guids;

    /// <summary>Names of the scopes around and this one, joined by <c>/</c>; empty for the run itself.</summary>
    public string Path { get; } = path;

    /// <summary>When the operation that was awaited last in this scope was recorded.</summary>
    public DateTimeOffset Now { get; set; } = now;

    /// <summary>Key of a name in this scope.</summary>
    public string KeyOf(string name)
    {
        if (string.IsNullOrWhiteSpace(name) || name.Length > 200 || HasControlCharacter(name))
            throw new ArgumentException($"A step name has 1 to 200 characters, none of them a control character, and is not blank; in scope '{Path}' one has {name?.Length ?? 0}.", nameof(name));
        return Path.Length == 0 ? name : $"{Path}/{name}";
    }

    private static bool HasControlCharacter(ReadOnlySpan<char> name) =>
        name.ContainsAnyInRange('\u0000', '\u001F') || name.ContainsAnyInRange('\u007F', '\u009F');

    /// <summary>Key of a child: an unnamed one in a map takes the item's own name, elsewhere its workflow's.</summary>
    public string KeyOfChild(string? name, string workflow) => name is null && Path.Length > 0 ? Path : KeyOf(name ?? workflow);

    public Guid NewGuid(string runId)
    {
        // Name-based as in RFC 9562 section 5.8 (version 8: SHA-256, own layout), so it needs no journal entry to be the same again.
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{runId}\n{Path}\n{++_guids}"));
        hash[6] = (byte)((hash[6] & 0x0F) | 0x80);
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
        return new Guid(hash.AsSpan(0, 16), bigEndian: true);
    }
}
