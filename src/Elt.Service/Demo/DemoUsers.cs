using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Bogus;
using Bogus.DataSets;

namespace Elt.Service.Demo;

/// <summary>A user as the provider's API shows it.</summary>
internal sealed record DemoUser(string Id, string Name, string? Email, string Department, string Title, bool Active);

/// <summary>Where a user stands after changes: which draw of the name, and whether the email was taken or given since.</summary>
internal readonly record struct DemoRevision(int Name, bool? HasEmail);

/// <summary>
/// Makes the users of one integration. User <c>i</c> follows from seed, organization, integration and <c>i</c> alone, so every
/// process that is asked for it, at any time, answers the same.
/// </summary>
internal sealed class DemoUsers(int seed, string organization, string integration)
{
    private const double EmailRate = 0.98;
    private static readonly string[] Locales = ["en", "en", "de", "fr", "pl", "tr", "ru", "ja"];
    private static readonly string[] Departments = ["Engineering", "Finance", "Legal", "Marketing", "Operations", "People", "Sales", "Support"];

    private readonly ulong _key = Hash($"{seed.ToString(CultureInfo.InvariantCulture)}\n{organization}\n{integration}");
    private readonly ConcurrentBag<Faker[]> _fakers = [];

    /// <param name="index">1 and up.</param>
    /// <param name="revision">What changed since the beginning.</param>
    public DemoUser Make(int index, DemoRevision revision)
    {
        if (!_fakers.TryTake(out var fakers))
            fakers = [.. Locales.Select(locale => new Faker(locale))];
        try
        {
            return Make(fakers, index, revision);
        }
        finally
        {
            _fakers.Add(fakers);
        }
    }

    private DemoUser Make(Faker[] fakers, int index, DemoRevision revision)
    {
        var random = RandomOf(index, 0);
        var faker = fakers[random.Number(Locales.Length - 1)];
        var english = fakers[0];
        (faker.Random, english.Random) = (random, random);
        var gender = faker.PickRandom<Name.Gender>();
        var first = faker.Name.FirstName(gender);
        var family = faker.Name.LastName(gender);
        var department = random.ArrayElement(Departments);
        var title = english.Name.JobTitle();
        var hasEmail = random.Double() < EmailRate;
        var active = random.Bool(0.95f);
        for (var draw = 1; draw <= revision.Name; draw++)
            family = AnotherFamilyName(faker, gender, family, index, draw);
        return new DemoUser(
            string.Create(CultureInfo.InvariantCulture, $"u-{index:000000}"),
            $"{first} {family}",
            revision.HasEmail ?? hasEmail ? Email(first, family, index) : null,
            department,
            title,
            active);
    }

    private string AnotherFamilyName(Faker faker, Name.Gender gender, string current, int index, int draw)
    {
        faker.Random = RandomOf(index, draw);
        string drawn;
        do
            drawn = faker.Name.LastName(gender);
        while (drawn == current);
        return drawn;
    }

    private string Email(string first, string family, int index) =>
        string.Create(CultureInfo.InvariantCulture, $"{Ascii(first)}.{Ascii(family)}.{index}@{organization}.example").ToLowerInvariant();

    private static string Ascii(string name)
    {
        var letters = new StringBuilder(name.Length);
        foreach (var letter in Transliterater.Translate(name).Where(char.IsAsciiLetterOrDigit))
            letters.Append(letter);
        return letters.Length > 0 ? letters.ToString() : "user";
    }

    private Randomizer RandomOf(int index, int draw) => new((int)Mix(_key + ((ulong)index << 20) + (ulong)draw));

    // string.GetHashCode differs from process to process; FNV-1a and a final mix do not.
    private static ulong Hash(string text) =>
        Encoding.UTF8.GetBytes(text).Aggregate(14695981039346656037UL, (hash, value) => (hash ^ value) * 1099511628211UL);

    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9UL;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EBUL;
        return value ^ (value >> 31);
    }
}
